/* SPDX-License-Identifier: MIT */
/* monitor/lifeline.c - see lifeline.h.
 *
 * A thread sleeps on the futex and turns each wake into a readable descriptor: that way no
 * wake-up can fall between looking and sleeping, neither the program's nor the kernel's news of
 * its death. */
#include "monitor/lifeline.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor/page.h"

#define THREAD_STACK_BYTES (64u << 10)
#define WITHOUT_THREAD_MS 50

static void *pass_wakes_on(void *arg)
{
	const struct ap_lifeline *line = arg;
	uint32_t seen = line->first;

	for (;;) {
		const uint32_t now = ap_page_load(line->life);
		const long r = now == seen ? syscall(SYS_futex, line->life, FUTEX_WAIT, seen, NULL,
						     NULL, 0)
					   : 0;
		if (r == 0) {
			(void)eventfd_write(line->event_fd, 1);
		}
		seen = now;
	}
	return NULL;
}

void ap_lifeline_init(struct ap_lifeline *line, const uint32_t *life, uint32_t first, int pidfd)
{
	pthread_attr_t attr;
	pthread_t thread;

	*line = (struct ap_lifeline){life, first, pidfd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (line->event_fd < 0) {
		return;
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
	if (pthread_create(&thread, &attr, pass_wakes_on, line) != 0) {
		close(line->event_fd);
		line->event_fd = -1;
	}
	pthread_attr_destroy(&attr);
}

enum ap_lifeline_news ap_lifeline_wait(struct ap_lifeline *line, int timeout_ms)
{
	struct pollfd fds[] = {
		{.fd = line->event_fd, .events = POLLIN},
		{.fd = line->pidfd, .events = POLLIN},
	};
	eventfd_t wakes;

	(void)poll(fds, 2, line->event_fd < 0 ? WITHOUT_THREAD_MS : timeout_ms);
	if (fds[0].revents && eventfd_read(line->event_fd, &wakes) == 0) {
		return AP_LIFELINE_WOKEN;
	}
	return fds[1].revents ? AP_LIFELINE_DEAD : AP_LIFELINE_TICK;
}
