/* SPDX-License-Identifier: MIT */
/* simple - a thousand calls, a line on each of stdout and stderr, status 7. */
#include "victim.h"

static volatile unsigned long sink;

static APART void leaf(void)
{
	sink++;
}

int main(void)
{
	for (int i = 0; i < 1000; i++)
		leaf();
	SAY_CALLS("main", 1);
	SAY_CALLS("leaf", 1000);
	fprintf(stderr, "simple was here\n");
	return 7;
}
