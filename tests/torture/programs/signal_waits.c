/* SPDX-License-Identifier: MIT */
/* signal_waits - all signals are blocked and taken by sigwait(), sigwaitinfo(), sigtimedwait() and a signalfd in an epoll
 * set: each that was sent comes, no other one does, and no wait ends early. Calls go on meanwhile. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "victim.h"

#define ROUNDS 100
#define CALLS 2000

static volatile unsigned long sink;
static sigset_t all;

static APART void leaf(void)
{
	sink++;
}

static APART void work(void)
{
	for (int i = 0; i < CALLS; i++)
		leaf();
}

static void *wait_in_loop(void *ret)
{
	int *taken = ret;
	for (;;) {
		int number = 0;
		if (sigwait(&all, &number))
			abort();
		work();
		if (number == SIGTERM)
			return NULL;
		if (number != SIGUSR1)
			printf("sigwait: %s came\n", strsignal(number));
		__atomic_add_fetch(taken, 1, __ATOMIC_RELEASE);
	}
}

static APART void by_sigwait(void)
{
	pthread_t thread;
	int taken = 0;
	if (pthread_create(&thread, NULL, wait_in_loop, &taken))
		abort();
	for (int i = 0; i < ROUNDS; i++) {
		pthread_kill(thread, SIGUSR1);
		while (__atomic_load_n(&taken, __ATOMIC_ACQUIRE) <= i)
			usleep(10);
	}
	pthread_kill(thread, SIGTERM);
	pthread_join(thread, NULL);
	printf("sigwait: %d\n", taken);
}

static APART void by_timedwait(void)
{
	const struct timespec shortly = {0, 2000000};
	int early = 0, right = 0;
	for (int i = 0; i < ROUNDS; i++) {
		siginfo_t info;
		work();
		const unsigned long long begin = now_ns();
		if (sigtimedwait(&all, &info, &shortly) != -1 || errno != EAGAIN ||
		    now_ns() - begin < 2000000)
			early++;
		const union sigval value = {.sival_int = i};
		sigqueue(getpid(), SIGRTMIN + 3, value);
		if (sigwaitinfo(&all, &info) == SIGRTMIN + 3 && info.si_value.sival_int == i)
			right++;
	}
	printf("sigtimedwait: %d early, %d right\n", early, right);
}

static APART void by_descriptor(void)
{
	const int fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	const int set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN};
	struct signalfd_siginfo info;
	int spurious = 0, right = 0;
	epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
	for (int i = 0; i < ROUNDS; i++) {
		work();
		spurious += epoll_wait(set, &event, 1, 1) != 0;
		kill(getpid(), SIGHUP);
		right += epoll_wait(set, &event, 1, -1) == 1 &&
			 read(fd, &info, sizeof info) == (ssize_t)sizeof info &&
			 info.ssi_signo == SIGHUP;
		spurious += read(fd, &info, sizeof info) != -1;
	}
	printf("signalfd: %d right, %d spurious\n", right, spurious);
	close(fd);
	close(set);
}

int main(void)
{
	sigset_t pending, mask;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	by_sigwait();
	by_timedwait();
	by_descriptor();
	sigpending(&pending);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	int left = 0, blocked = 0;
	for (int s = 1; s <= 64; s++) {
		left += sigismember(&pending, s) == 1;
		blocked += sigismember(&mask, s) == 1;
	}
	printf("pending %d blocked %d\n", left, blocked);
	SAY_CALLS("work", 3 * ROUNDS + 1);
	SAY_CALLS("leaf", (3 * ROUNDS + 1) * CALLS);
	return 0;
}
