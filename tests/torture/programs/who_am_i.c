/* SPDX-License-Identifier: MIT */
/* who_am_i [maps] - says whether the kernel told the loader to be careful, or whether the library is mapped; and calls. */
#include <string.h>
#include <sys/auxv.h>

#include "victim.h"

static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

static UNTRACED int mapped(void)
{
	char line[4200];
	int found = 0;
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof line, maps))
		found |= strstr(line, "/libautoprof.so") != NULL;
	if (maps)
		fclose(maps);
	return found;
}

int main(int argc, char **argv)
{
	(void)argv;
	for (int i = 0; i < 1000; i++)
		leaf();
	printf("secure %lu\n", getauxval(AT_SECURE));
	if (argc > 1)
		printf("loaded %d\n", mapped());
	SAY_CALLS("leaf", 1000);
	return 7;
}
