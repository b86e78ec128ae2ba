/* SPDX-License-Identifier: MIT */
/* tests/bench/spawn_loop.c - wall time of a program with the preload and without, in turn.
 *
 * Usage: spawn_loop PAIRS LIBRARY OPTIONS PROGRAM [ARG...]. Prints medians "plain_ms", "preload_ms", "added_ms". */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double run_ms(char **argv, char **environment)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	const double start = now_ms();
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environment) != 0 ||
	    waitpid(pid, &status, 0) != pid) {
		exit(1);
	}
	posix_spawn_file_actions_destroy(&actions);
	return now_ms() - start;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof *values, compare);
	return values[n / 2];
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		return 2;
	}
	const int pairs = atoi(argv[1]);
	char preload[4096], options[4096];
	char path[] = "PATH=/usr/bin:/bin";
	char *plain[] = {path, NULL}, *with[] = {path, preload, options, NULL};
	double *a = calloc((size_t)pairs, sizeof *a), *b = calloc((size_t)pairs, sizeof *b);
	snprintf(preload, sizeof preload, "LD_PRELOAD=%s", argv[2]);
	snprintf(options, sizeof options, "AUTOPROF_OPTIONS=%s", argv[3]);
	for (int i = 0; i < pairs; i++) {
		a[i] = run_ms(argv + 4, plain);
		b[i] = run_ms(argv + 4, with);
	}
	const double x = median(a, pairs), y = median(b, pairs);
	printf("plain_ms %.3f\npreload_ms %.3f\nadded_ms %.3f\n", x, y, y - x);
	free(a);
	free(b);
	return 0;
}
