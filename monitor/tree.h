/* SPDX-License-Identifier: MIT */
/* monitor/tree.h - the processes of one run, merged into one profile as they end.
 *
 * Spools are read in guarded children: one that makes its reader crash or hang costs itself alone. What
 * was merged is in a file without a name that the children hand on; the spools behind it are removed.
 * So thousands of processes take no more memory than what they have in common, and a few dozen spools. */
#ifndef AP_MONITOR_TREE_H
#define AP_MONITOR_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/merge.h"
#include "profile/profile.h"

enum ap_tree_state {
	AP_TREE_WAITS,	/* not read yet */
	AP_TREE_MERGED, /* until ap_tree_forget() */
	AP_TREE_SILENT, /* nothing was recorded: the same */
	AP_TREE_FAILED, /* stays where it is, with a line in the log */
	AP_TREE_LEFT,	/* stays because report=none */
};

/** A spool of a dead process. */
struct ap_tree_spool {
	char *path;
	struct ap_profile_known_end known;
	enum ap_tree_state state;
	uint64_t bytes;
	char problem[256];
};

/** A tree. */
struct ap_tree {
	char place[4096];  /* of its log, and of reports that find no other place */
	uint32_t root_pid; /* 0: whoever began first */
	bool keep_spools;  /* merged ones too */
	struct ap_tree_spool *spools;
	size_t spools_n;
	int merged_fd; /* -1: nothing is merged yet */
	size_t merged_n;
	size_t kept_n, failed_n;
	struct ap_profile_process_row *running; /* processes that go on, listed only */
	size_t running_n;
	struct ap_merge_kin *kin;
	size_t kin_n;
	struct ap_profile_process_row root; /* if it recorded nothing; no exe: unknown */
	const char *root_cwd;		    /* borrowed, as root.exe */
};

/** ap_tree_init() - @dir: of the spools. Finish with ap_tree_clear(). */
void ap_tree_init(struct ap_tree *tree, const char *dir, uint32_t root_pid);
void ap_tree_clear(struct ap_tree *tree);

/** ap_tree_find() - what is known of the spool @path; NULL: nothing. Valid until the next is added. */
struct ap_tree_spool *ap_tree_find(struct ap_tree *tree, const char *path);
/** ap_tree_add() - remember a spool. @known: may be NULL. Return: 0 or -ENOMEM. */
int ap_tree_add(struct ap_tree *tree, const char *path, enum ap_tree_state state,
		const struct ap_profile_known_end *known);
/** ap_tree_add_running() - list a process that goes on. Copies. Return: 0 or -ENOMEM. */
int ap_tree_add_running(struct ap_tree *tree, const struct ap_profile_process_row *row);
/** ap_tree_add_kin() - remember a process that has nothing to list. Return: 0 or -ENOMEM. */
int ap_tree_add_kin(struct ap_tree *tree, struct ap_merge_kin kin);
/** ap_tree_read_kin() - learn who recorded nothing, from the file of that name in @dir. */
void ap_tree_read_kin(struct ap_tree *tree, const char *dir);

/** ap_tree_is_full() - do so many spools wait that they should be merged now? */
bool ap_tree_is_full(const struct ap_tree *tree);
/** ap_tree_merge() - read all that wait; merged and silent ones are removed. */
void ap_tree_merge(struct ap_tree *tree);
/** ap_tree_forget() - drop those that are done; call it when their states were looked at. */
void ap_tree_forget(struct ap_tree *tree);

/** ap_tree_profile() - the profile of all that was merged; for guarded children. Return: 0; -ENOENT nothing
 * was; -ENOMEM; -EBADMSG. */
int ap_tree_profile(const struct ap_tree *tree, struct ap_profile **ret);
/** ap_tree_bytes() - size of what is merged. */
uint64_t ap_tree_bytes(const struct ap_tree *tree);
/** ap_tree_note() - the @n-th thing that data quality should say. Return: false when there is none. */
bool ap_tree_note(const struct ap_tree *tree, unsigned n, char *ret, size_t size);

#endif
