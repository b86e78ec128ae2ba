/* SPDX-License-Identifier: MIT */
/* destructors_library - a library that works while the program ends: destructors, handlers that its constructor
 * registered, and handlers that those register. It says its calls when it is loaded: later it can print nothing. */
#include <stdlib.h>

#include "victim.h"

void library_work(void);

static volatile unsigned long sink;

APART void library_work(void)
{
	sink++;
}

static void of_a_handler(void)
{
	library_work();
}

static void of_exit(void)
{
	for (int i = 0; i < 20; i++)
		library_work();
	atexit(of_a_handler);
}

__attribute__((constructor)) static void begin(void)
{
	atexit(of_exit);
	SAY_CALLS("begin", 1);
	SAY_CALLS("of_exit", 1);
	SAY_CALLS("of_a_handler", 1);
	SAY_CALLS("end_early", 1);
	SAY_CALLS("end_late", 1);
	SAY_CALLS("library_work", 20 + 1 + 30 + 40);
}

__attribute__((destructor(101))) static void end_late(void)
{
	for (int i = 0; i < 40; i++)
		library_work();
}

__attribute__((destructor(2000))) static void end_early(void)
{
	for (int i = 0; i < 30; i++)
		library_work();
}
