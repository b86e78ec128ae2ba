/* SPDX-License-Identifier: MIT */
/* monitor/lifeline.h - a futex word of the spool and a pidfd in one poll(). */
#ifndef AP_MONITOR_LIFELINE_H
#define AP_MONITOR_LIFELINE_H

#include <stdint.h>

/** Waits for a wake-up on hdr.life or for the death of the process. Its thread lives as long as
 * we do. */
struct ap_lifeline {
	const uint32_t *life; /* borrowed for ever */
	uint32_t first;	      /* *life when the watch began */
	int pidfd;	      /* borrowed */
	int event_fd;	      /* written by the thread for each wake; -1: no thread could be had */
};

enum ap_lifeline_news {
	AP_LIFELINE_TICK,  /* nothing is known to have happened */
	AP_LIFELINE_WOKEN, /* *life is another, or the program woke us to look */
	AP_LIFELINE_DEAD,
};

/** ap_lifeline_init() - begin to watch *@life, last seen as @first. Without a thread (limits)
 * the waits are short, and the caller looks at *@life after each. @line must stay where it is. */
void ap_lifeline_init(struct ap_lifeline *line, const uint32_t *life, uint32_t first, int pidfd);
/** ap_lifeline_wait() - what is new within @timeout_ms. */
enum ap_lifeline_news ap_lifeline_wait(struct ap_lifeline *line, int timeout_ms);

#endif
