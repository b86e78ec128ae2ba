/* SPDX-License-Identifier: MIT */
/* monitor/page.h - the first page of a spool, shared with the program: what both sides write. */
#ifndef AP_MONITOR_PAGE_H
#define AP_MONITOR_PAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "spool/layout.h"

#define AP_PAGE_BYTES 4096

/** ap_page_open() - map the header of a spool that ap_profile_head() has accepted.
 * Return: 0; -EPERM not ours; -EBADMSG no spool; or an errno. Close with ap_page_close(). */
int ap_page_open(const char *path, struct ap_spool_header **ret);
/** ap_page_close() - takes NULL. Return: NULL. */
struct ap_spool_header *ap_page_close(struct ap_spool_header *header);

/** ap_page_now() - this moment in ticks of the spool's clock. */
uint64_t ap_page_now(const struct ap_spool_header *header);
/** ap_page_sample() - CPU time, peak memory and threads of the process into hdr.usage; figures
 * that cannot be had any more (a zombie has no memory) stay as they are. */
void ap_page_sample(struct ap_spool_header *header, pid_t pid);

/** ap_page_sign_of_life() - the process was there until this moment: hdr.usage.at_ticks. */
void ap_page_sign_of_life(struct ap_spool_header *header);

/** ap_page_is_stopped() - is recording off, or about to be? */
bool ap_page_is_stopped(const struct ap_spool_header *header);
/** ap_page_stop(), ap_page_start() - turn recording off, and on again, from a moment that is a millisecond ahead: no event
 * of that time has been judged yet (spool/pause.h). One controller at a time. Nothing changes where it is so already.
 * Return: 0, or -ENOSPC: it has been stopped AP_PAUSES times. */
int ap_page_stop(struct ap_spool_header *header);
void ap_page_start(struct ap_spool_header *header);

/** ap_page_load() - a word that the program stores with release. */
static inline uint32_t ap_page_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/** ap_page_end() - say in the program's place that it is over: it was replaced by an exec that
 * it announced. */
static inline void ap_page_end(struct ap_spool_header *header)
{
	__atomic_store_n(&header->life, AP_LIFE_ENDED, __ATOMIC_RELEASE);
}

/** ap_page_report() - set hdr.report_state and wake everyone who waits for it. */
void ap_page_report(struct ap_spool_header *header, enum ap_report_state state);

#endif
