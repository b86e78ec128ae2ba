/* SPDX-License-Identifier: MIT */
/* stacked - what other preloaded libraries change for a program: who it is, what time it is, whom files belong to, what is
 * written to the disk. They still do, and no more. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "victim.h"

static APART void who(void)
{
	printf("uid %d, gid %d\n", (int)geteuid(), (int)getegid());
}

static APART void files(void)
{
	struct stat st;
	const int fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_SYNC, 0640);

	printf("written %zd, fsync %d, fdatasync %d, chown %d, mode %d\n", write(fd, "text", 4),
	       fsync(fd), fdatasync(fd), fchown(fd, 7, 8), fchmod(fd, 04755));
	fstat(fd, &st);
	printf("owner %d:%d, mode %o, size %d\n", (int)st.st_uid, (int)st.st_gid, st.st_mode,
	       (int)st.st_size);
	close(fd);
	printf("flags %x, removed %d\n", st.st_mode & S_IFMT, unlink("file"));
}

static APART void when(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	printf("year %ld\n", 1970 + (long)(now.tv_sec / 31556952));
	printf("time() agrees: %d\n", labs((long)(time(NULL) - now.tv_sec)) <= 2);
}

static APART void *waits(void *unused)
{
	const struct timespec short_time = {0, 2000000};

	for (int i = 0; i < 10; i++)
		nanosleep(&short_time, NULL);
	return unused;
}

static APART void child(void)
{
	const pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		who();
		when();
		exit(17);
	}
	waitpid(pid, &status, 0);
	printf("child: %d\n", WEXITSTATUS(status));
}

int main(void)
{
	pthread_t thread[4];

	setvbuf(stdout, NULL, _IOLBF, 0); /* a child must not write it again */
	who();
	files();
	when();
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, waits, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	child();
	SAY_CALLS("main", 1);
	SAY_CALLS("who", 2);
	SAY_CALLS("files", 1);
	SAY_CALLS("when", 2);
	SAY_CALLS("waits", 4);
	SAY_CALLS("child", 1);
	return 0;
}
