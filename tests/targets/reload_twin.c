/* SPDX-License-Identifier: MIT */
/* One of two libraries of the same size, whose function is called NAME: alpha or bravo. */
#include "victim.h"

void NAME(void);
static volatile unsigned long sink;

void NAME(void)
{
	sink++;
}
