/* SPDX-License-Identifier: MIT */
/* monitor/watch.h - is a process, not of ours, still there, and how did it end? */
#ifndef AP_MONITOR_WATCH_H
#define AP_MONITOR_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "profile/profile.h"

/** ap_watch_open() - a descriptor that polls readable when the whole process has ended.
 * Return: it; -ESRCH when the process of @head is gone already (or the pid is another's); or an
 * errno. */
int ap_watch_open(const struct ap_profile_head *head);

/**
 * ap_watch_end() - how a process ended that is readable in poll()
 *
 * @pidfd: of ap_watch_open(), or negative
 *
 * A zombie's status is in /proc; of a reaped one the kernel tells through the descriptor since
 * 6.15. Where neither does, @ret->known is false. */
void ap_watch_end(int pidfd, const struct ap_profile_head *head, struct ap_profile_known_end *ret);

/** ap_watch_maps() - does the process still map the file of this name? Tells after an announced
 * exec whether the old image is gone. Return: 1 yes; 0 no; or the errno of finding out. */
int ap_watch_maps(pid_t pid, const char *file_name);

#endif
