/* SPDX-License-Identifier: MIT */
/* profile/merge.h - the profiles of several processes folded into one.
 *
 * Modules are the same when their build-ids are (else path, device, inode and size), functions when their
 * module and their address in it are, call paths when they are paths of the same functions. So one program
 * that ran twice, at whatever addresses, and its forked children are one table. Frames that a fork handed
 * down stay no calls of the child. Every figure is added exactly: any order of adding gives the same ones.
 *
 * The profile that comes out has its functions at their addresses in the modules' files (every bias is 0).
 * It is bounded in what it lists, not in what it counts: processes and threads beyond a thousand, and the
 * middle of very deep stacks of open calls, are left out and said to be. */
#ifndef AP_PROFILE_MERGE_H
#define AP_PROFILE_MERGE_H

#include <stdio.h>

#include "profile/profile.h"

/** Profiles added so far. */
struct ap_merge;

/** ap_merge_new() - nothing added yet. @root_pid: the process that the whole is named for; 0: the one that
 * began first. Return: NULL for want of memory. */
struct ap_merge *ap_merge_new(uint32_t root_pid);
/** ap_merge_free() - takes NULL; returns NULL. */
struct ap_merge *ap_merge_free(struct ap_merge *merge);

/** ap_merge_add() - add the profile of one process, as ap_profile_open() makes it. Return: 0; -ENOMEM: @merge can only be freed. */
int ap_merge_add(struct ap_merge *merge, const struct ap_profile *profile);
/** ap_merge_row() - list a process whose figures are not added. Copies. Return: 0 or -ENOMEM. */
int ap_merge_row(struct ap_merge *merge, const struct ap_profile_process_row *row);

/** A process that recorded nothing, so that its children find their grandparents. */
struct ap_merge_kin {
	uint32_t pid, ppid;
	uint64_t start_unix_ns;
};

/** What is known besides the profiles, at the end. Zeroed: nothing. */
struct ap_merge_end {
	const struct ap_profile_process_row
		*root;	 /* of @root_pid, when it recorded nothing; or NULL */
	const char *cwd; /* of that root */
	const struct ap_merge_kin *kin;
	size_t kin_n;
};

/** ap_merge_finish() - make the profile; takes @merge in any case. @ret: free with ap_profile_free().
 * Return: 0; -ENOENT nothing was added; -ENOMEM. */
int ap_merge_finish(struct ap_merge *merge, const struct ap_merge_end *end,
		    struct ap_profile **ret);

/** ap_merge_save(), ap_merge_load() - hand it to another process of this very program: the format is no
 * contract. Return: 0; -EIO; -EBADMSG; -ENOMEM. */
int ap_merge_save(struct ap_merge *merge, FILE *out);
int ap_merge_load(FILE *in, uint64_t size, struct ap_merge **ret);

#endif
