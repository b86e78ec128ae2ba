/* SPDX-License-Identifier: MIT */
/* busy.h - a thread that calls leaf() without a pause until it is told to stop. */
#ifndef AP_TORTURE_BUSY_H
#define AP_TORTURE_BUSY_H

#include "victim.h"

static volatile int stop;
static volatile unsigned long calls;

static APART void leaf(void)
{
	calls++;
}

static APART void *busy(void *unused)
{
	while (!stop)
		leaf();
	return unused;
}

#endif
