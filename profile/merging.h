/* SPDX-License-Identifier: MIT */
/* profile/merging.h - the state of one merge: merge.c adds to it, merge_state.c has its lists,
 * merge_finish.c makes the profile of it, merge_carry.c hands it on. */
#ifndef AP_PROFILE_MERGING_H
#define AP_PROFILE_MERGING_H

#include "profile/map.h"
#include "profile/merge.h"

__extension__ typedef unsigned __int128 ap_u128;

/** What a function's figures are made of. In units of 2^-20, so that sums do not depend on their order. */
struct ap_merge_sums {
	ap_u128 ns;
	ap_u128 hooks, inside; /* of ns */
	ap_u128 error;
	ap_u128 squares;
};
#define AP_MERGE_UNIT 0x1p20L

/** The memory of the process that came nearest to its limit. */
struct ap_merge_memory {
	uint64_t max_rss_bytes;
	struct ap_limits limits;
	uint32_t pid;
};

struct ap_merge {
	struct ap_profile *profile; /* its functions lack what is in `sums` */
	struct ap_merge_sums *sums; /* parallel to the functions */
	uint32_t *next_same;	    /* parallel: another function of the same hash; 0 none */
	size_t functions_room, nodes_room, threads_room;
	struct ap_map function_by_place, node_by_path;

	uint32_t root_pid;
	uint64_t added;
	struct ap_profile_process_row first; /* whose process.* it is; its exe is not owned */
	struct ap_profile_process_row last;  /* the last program that the root ran; the same */
	uint64_t begin_ns, end_ns;	     /* CLOCK_REALTIME; of all that was added */
	ap_u128 cost_calls; /* that the next are the hooks of, in units of 2^-20 ns */
	ap_u128 spent_ns; /* by all hooks; the others are what a call would cost, times all calls: */
	ap_u128 cost_ns, gate_ns, empty_ns, inside_ns, outside_ns, error_ns;
	uint64_t cut_stacks; /* threads whose open calls were cut */
	struct ap_merge_memory memory;
};

/** ap_merge_exact() - in units of 2^-20; what no clock could have counted is cut. */
ap_u128 ap_merge_exact(double value);
/** ap_merge_function_key(), ap_merge_node_key() - for the maps. */
uint64_t ap_merge_function_key(int32_t module, uint64_t address);
uint64_t ap_merge_node_key(uint32_t parent, uint32_t function, bool recursive);
/** ap_merge_room() - room for one more function and one more node. Return: 0 or -ENOMEM. */
int ap_merge_room(struct ap_merge *merge);

/** ap_merge_line() - add to a sorted list without doubles, of which only so many are kept. */
int ap_merge_line(char ***lines, size_t *n, const char *line);
/** ap_merge_thread() - list a thread; takes @thread->open. */
int ap_merge_thread(struct ap_merge *merge, const struct ap_profile_thread *thread);
/** ap_merge_before() - does row @a begin before row @b? The root before all. */
bool ap_merge_before(const struct ap_merge *merge, const struct ap_profile_process_row *a,
		     const struct ap_profile_process_row *b);
/** ap_merge_cut_threads() - leave only those that may be listed. */
void ap_merge_cut_threads(struct ap_merge *merge);
/** ap_merge_link() - find every row's parent. Return: 0 or -ENOMEM. */
int ap_merge_link(struct ap_profile *p, const struct ap_merge_kin *kin, size_t kin_n);

#endif
