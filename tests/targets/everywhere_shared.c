/* SPDX-License-Identifier: MIT */
/* The shared library of everywhere.c. */
#include "everywhere.h"
#include "victim.h"

static volatile unsigned long sink;

static APART void shared_helper(void)
{
	sink++;
}

void shared_work(int n)
{
	for (int i = 0; i < n; i++)
		shared_helper();
}
