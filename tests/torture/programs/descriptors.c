/* SPDX-License-Identifier: MIT */
/* descriptors HOW - takes all descriptors but its own socket away, or puts its own over them, and goes on calling:
 * what it sends itself through the socket must arrive, and nothing else. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

#define ROUNDS 200
#define CALLS 1000
#define MOST 1024

static volatile unsigned long sink;
static int pair[2];

static APART void work(void)
{
	sink++;
}

static UNTRACED void fail(const char *why)
{
	printf("%s\n", why);
	fflush(stdout);
	_exit(1);
}

static APART void exchange(int round)
{
	int got = -1;

	for (int i = 0; i < CALLS; i++)
		work();
	if (write(pair[0], &round, sizeof(round)) != (ssize_t)sizeof(round) ||
	    read(pair[1], &got, sizeof(got)) != (ssize_t)sizeof(got) || got != round)
		fail("another's bytes in the socket");
	if (recv(pair[0], &got, sizeof(got), MSG_DONTWAIT) >= 0 ||
	    recv(pair[1], &got, sizeof(got), MSG_DONTWAIT) >= 0)
		fail("bytes too many in the socket");
}

static UNTRACED void open_sockets(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		fail("no sockets");
}

static APART void by_close_range(void)
{
	if (close_range(3, ~0u, 0))
		fail("close_range");
	open_sockets();
}

static APART void by_closefrom(void)
{
	closefrom(3);
	open_sockets();
}

static APART void by_dup2(void)
{
	open_sockets();
	for (int fd = 3; fd < MOST; fd++)
		if (fd != pair[0] && fd != pair[1] && dup2(pair[0], fd) != fd)
			fail("dup2");
}

static UNTRACED void announce(void)
{
	SAY_CALLS("main", 1);
	SAY_CALLS("exchange", ROUNDS);
	SAY_CALLS("work", ROUNDS * CALLS);
	fflush(stdout);
}

static APART void by_daemon(void)
{
	announce();
	if (daemon(0, 0))
		fail("daemon");
	open_sockets();
}

/* As daemons of old do it: fork twice, close everything, /dev/null on the first three. */
static APART void by_double_fork(void)
{
	announce();
	if (fork())
		_exit(5);
	setsid();
	if (fork())
		_exit(0);
	for (int fd = 0; fd < MOST; fd++)
		close(fd);
	if (open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
		_exit(1);
	open_sockets();
}

static const struct {
	const char *name;
	void (*take)(void);
	int announced;
} ways[] = {
	{"close_range", by_close_range, 0},
	{"closefrom", by_closefrom, 0},
	{"dup2", by_dup2, 0},
	{"daemon", by_daemon, 1},
	{"double-fork", by_double_fork, 1},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		ways[i].take();
		for (int round = 0; round < ROUNDS; round++)
			exchange(round);
		if (!ways[i].announced)
			announce();
		return 5;
	}
	return 2;
}
