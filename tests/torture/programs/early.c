/* SPDX-License-Identifier: MIT */
/* early - calls, threads and files before main: in the constructor of a library that comes before everybody else's, and in
 * a function that runs before all constructors. libc does not have the environment yet when the latter runs, so its
 * calls are dropped, and counted as such; all others are recorded, and nothing else is different. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "early.h"
#include "victim.h"

#define FIRST 500

static int before;

static APART void first(void)
{
	before++;
}

static APART void before_all(int argc, char **argv, char **environment)
{
	(void)argc, (void)argv, (void)environment;
	for (int i = 0; i < FIRST; i++)
		first();
}

__attribute__((section(".preinit_array"), used)) static void (*const entry)(int, char **,
									    char **) = before_all;

__attribute__((constructor)) static APART void of_program(void)
{
	first();
}

int main(void)
{
	const struct early_seen seen = early_end();
	const int fd = open("/dev/null", O_RDONLY);

	printf("%d before main, files %d to %d in the constructor, %d in main, %zu bytes read\n",
	       before, seen.first_file, seen.last_file, fd, seen.bytes);
	close(fd);
	SAY_CALLS("main", 1);
	SAY_CALLS("of_program", 1);
	SAY_CALLS("first", 1);
	SAY_CALLS("early_end", 1);
	return 0;
}
