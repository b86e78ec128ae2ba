/* SPDX-License-Identifier: MIT */
/* The library that everywhere.c loads when it runs. */
#include "everywhere.h"
#include "victim.h"

static volatile unsigned long sink;

static APART void plugin_helper(void)
{
	sink++;
}

void plugin_work(int n)
{
	for (int i = 0; i < n; i++)
		plugin_helper();
}
