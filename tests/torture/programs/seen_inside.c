/* SPDX-License-Identifier: MIT */
/* seen_inside - what a program can see of itself: its descriptors, its threads, its resident memory, the handlers of its
 * signals, its children, its limits. All is as it would be alone; the memory is more, but bounded. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define MOST_RESIDENT_KIB (16 << 10)

static pthread_barrier_t together;
static unsigned long leaves;

static APART void leaf(void)
{
	__atomic_fetch_add(&leaves, 1, __ATOMIC_RELAXED);
}

static UNTRACED long status(const char *key)
{
	char line[256];
	long value = -1;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key) + 1, NULL, 10);
	if (file)
		fclose(file);
	return value;
}

static UNTRACED void say_masks(void)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file))
		if ((strncmp(line, "Sig", 3) == 0 && line[3] != 'Q') || /* the user's, not ours */
		    strncmp(line, "ShdPnd", 6) == 0)
			fputs(line, stdout);
	if (file)
		fclose(file);
}

static UNTRACED void say_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			printf(" %s", entry->d_name);
	printf("\n");
	if (directory)
		closedir(directory);
}

static APART void look(const char *when)
{
	const int fd = open("/dev/null", O_RDONLY);

	leaf();
	printf("%s: next descriptor %d, all:", when, fd);
	close(fd);
	say_descriptors();
	printf("threads %ld, resident memory %s\n", status("Threads"),
	       status("VmRSS") <= MOST_RESIDENT_KIB ? "bounded" : "more than 16 MiB");
	say_masks();
	const pid_t child = waitpid(-1, NULL, WNOHANG);
	printf("a child: %d %s\n", (int)child, errno == ECHILD ? "none" : "one");
}

static APART void work(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		leaf();
}

static UNTRACED void *in_thread(void *unused)
{
	work(50000);
	pthread_barrier_wait(&together);
	pthread_barrier_wait(&together);
	return unused;
}

static UNTRACED void in_threads(void)
{
	pthread_t thread[16];

	pthread_barrier_init(&together, NULL, 17);
	for (int i = 0; i < 16; i++)
		pthread_create(&thread[i], NULL, in_thread, NULL);
	pthread_barrier_wait(&together);
	look("beside 16 threads");
	pthread_barrier_wait(&together);
	for (int i = 0; i < 16; i++)
		pthread_join(thread[i], NULL);
}

static UNTRACED void say_limits(void)
{
	for (int what = 0; what < RLIMIT_NLIMITS; what++) {
		struct rlimit limit = {0, 0};
		getrlimit((__rlimit_resource_t)what, &limit);
		printf(" %lx/%lx", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
	}
	printf("\n");
}

static UNTRACED void at_exit(void)
{
	look("at the exit");
	fflush(stdout);
}

__attribute__((constructor)) static UNTRACED void early(void)
{
	look("in a constructor");
}

int main(void)
{
	look("in main");
	work(1000000);
	usleep(300000); /* now somebody attends */
	work(100000);
	look("an older process");
	in_threads();
	say_limits();
	atexit(at_exit);
	SAY_CALLS("main", 1);
	SAY_CALLS("look", 5);
	SAY_CALLS("work", 2 + 16);
	SAY_CALLS("leaf", leaves + 1);
	return 0;
}
