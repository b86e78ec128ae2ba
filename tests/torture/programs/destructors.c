/* SPDX-License-Identifier: MIT */
/* destructors [exit|thread] - a program that goes on working in destructors and handlers, its own and a library's, when it has
 * returned from main, called exit(), or a thread of it has. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "victim.h"

extern void library_work(void);

static volatile unsigned long sink;

static APART void work(void)
{
	sink++;
}

static void last_handler(void)
{
	work();
}

static void handler_on_exit(int status, void *times)
{
	(void)status;
	for (long i = 0; i < (long)times; i++)
		work();
	atexit(last_handler);
}

__attribute__((destructor)) static void end_of_program(void)
{
	for (int i = 0; i < 10; i++)
		work();
	library_work();
}

static void *ends_all(void *unused)
{
	exit(21);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	on_exit(handler_on_exit, (void *)5);
	SAY_CALLS("main", 1);
	SAY_CALLS("last_handler", 1);
	SAY_CALLS("handler_on_exit", 1);
	SAY_CALLS("end_of_program", 1);
	SAY_CALLS("work", 5 + 1 + 10);
	SAY_CALLS("library_work", 1);
	if (argc > 1 && strcmp(argv[1], "exit") == 0)
		exit(20);
	if (argc > 1 && pthread_create(&thread, NULL, ends_all, NULL) == 0)
		for (;;)
			pthread_join(thread, NULL);
	return 22;
}
