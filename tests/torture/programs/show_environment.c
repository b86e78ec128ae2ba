/* SPDX-License-Identifier: MIT */
/* show_environment WORD - what the environment is, in its order, each line behind the word, and whether a name is in it twice.
 * The word "own" keeps quiet about what is different in each run. */
#include <stdio.h>
#include <string.h>

extern char **environ;

static int differs(const char *entry)
{
	static const char *const names[] = {
		"LD_PRELOAD=", "AUTOPROF_OPTIONS=", "AP_DIFF_MARK=", "_="};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return 1;
	return 0;
}

static int twice(char **entry)
{
	const size_t length = strcspn(*entry, "=") + 1;
	for (char **other = environ; other < entry; other++)
		if (strncmp(*other, *entry, length) == 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	const int own = strcmp(argv[1], "own") == 0;
	for (char **entry = environ; *entry; entry++) {
		if (!own || !differs(*entry))
			printf("%s: %s\n", argv[1], *entry);
		if (twice(entry))
			printf("%s: twice: %s\n", argv[1], *entry);
	}
	return 7;
}
