/* SPDX-License-Identifier: MIT */
/* waits N - eleven system calls that a signal would interrupt, whatever SA_RESTART says, while another thread calls without
 * a pause. None is interrupted unless the program sends a signal: then each is, once. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "busy.h"

#define WAIT_NS 2000000l /* without a signal */
#define LONG_NS 500000000l

static volatile unsigned long waits;
static long wait_ns;
static int sockets[2], epoll, semaphores;
static sem_t semaphore;

static struct timespec span(void)
{
	return (struct timespec){0, wait_ns};
}

static struct timespec moment(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += wait_ns;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static int by_nanosleep(void)
{
	const struct timespec t = span();
	return nanosleep(&t, NULL);
}

static int by_clock_nanosleep(void)
{
	const struct timespec t = span();
	errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	return errno ? -1 : 0;
}

static int by_usleep(void)
{
	return usleep((useconds_t)(wait_ns / 1000));
}

static int by_poll(void)
{
	return poll(NULL, 0, (int)(wait_ns / 1000000));
}

static int by_ppoll(void)
{
	const struct timespec t = span();
	return ppoll(NULL, 0, &t, NULL);
}

static int by_select(void)
{
	struct timeval t = {0, wait_ns / 1000};
	return select(0, NULL, NULL, NULL, &t);
}

static int by_epoll(void)
{
	struct epoll_event event;
	return epoll_wait(epoll, &event, 1, (int)(wait_ns / 1000000));
}

static int by_sigtimedwait(void)
{
	const struct timespec t = span();
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &t);
}

static int by_semaphore(void)
{
	const struct timespec t = moment();
	return sem_timedwait(&semaphore, &t);
}

static int by_recv(void)
{
	const struct timeval t = {0, wait_ns / 1000};
	char byte;
	setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	return (int)recv(sockets[0], &byte, 1, 0);
}

static int by_semtimedop(void)
{
	const struct timespec t = span();
	struct sembuf down = {0, -1, 0};
	return semtimedop(semaphores, &down, 1, &t);
}

static int (*const kinds[])(void) = {
	by_nanosleep, by_clock_nanosleep, by_usleep, by_poll,	   by_ppoll,	  by_select,
	by_epoll,     by_sigtimedwait,	  by_recv,   by_semaphore, by_semtimedop,
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static void on_alarm(int signal)
{
	(void)signal;
}

/* Return: was it interrupted? */
static APART int wait_once(int (*kind)(void))
{
	waits++;
	errno = 0;
	return kind() == -1 && errno == EINTR;
}

static APART int undisturbed(int n)
{
	int interrupted = 0;
	wait_ns = WAIT_NS;
	for (int i = 0; i < n; i++)
		for (size_t k = 0; k < KINDS; k++)
			interrupted += wait_once(kinds[k]);
	return interrupted;
}

static APART int disturbed(void)
{
	const struct itimerval soon = {{0, 0}, {0, 20000}};
	int interrupted = 0;
	wait_ns = LONG_NS;
	for (size_t k = 0; k < KINDS; k++) {
		setitimer(ITIMER_REAL, &soon, NULL);
		interrupted += wait_once(kinds[k]);
	}
	return interrupted;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	pthread_t thread;
	sigset_t set;
	if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || sem_init(&semaphore, 0, 0))
		return 2;
	epoll = epoll_create1(0);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* the other thread takes none */
	if (pthread_create(&thread, NULL, busy, NULL))
		return 2;
	sigdelset(&set, SIGUSR2);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	printf("interrupted %d of %d\n", undisturbed(atoi(argv[1])), (int)KINDS * atoi(argv[1]));
	printf("by a signal %d of %d\n", disturbed(), (int)KINDS);
	stop = 1;
	pthread_join(thread, NULL);
	semctl(semaphores, 0, IPC_RMID);
	SAY_CALLS("leaf", calls);
	SAY_CALLS("wait_once", waits);
	SAY_CALLS("by_recv", waits / KINDS);
	return 0;
}
