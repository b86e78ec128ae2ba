/* SPDX-License-Identifier: MIT */
/* profile/gates.c - calls that were counted by hooks only, thread by thread. */
#include <errno.h>
#include <stdlib.h>

#include "profile/reader.h"

#define WEIGHT_LOG2_MOST 20u

static void take_gate(struct ap_reader *r, uint64_t calls, uint32_t function)
{
	if (function == 0 || function >= r->profile->functions_n) {
		ap_reader_damage(r, AP_DAMAGE_COUNTERS);
		return;
	}
	r->function_sums[function].counted += calls;
}

static int take_gates(struct ap_reader *r, struct ap_reader_thread *t)
{
	struct ap_gates *gates = calloc(1, sizeof(*gates));
	if (!gates) {
		return -ENOMEM;
	}
	if (t->record.gates > UINT32_MAX ||
	    !ap_input_copy(&r->in, (ap_ref)t->record.gates, 0, gates, sizeof(*gates))) {
		ap_reader_damage(r, AP_DAMAGE_COUNTERS);
		free(gates);
		return 0;
	}
	if (gates->weight_log2 > WEIGHT_LOG2_MOST) {
		gates->weight_log2 = WEIGHT_LOG2_MOST;
	}
	for (size_t i = 0; i < AP_GATES; i++) {
		if (gates->gate[i].function) {
			take_gate(r, gates->gate[i].calls, gates->gate[i].id);
		}
	}
	t->gates = gates;
	t->fold.gates = gates;
	return 0;
}

int ap_reader_gates(struct ap_reader *r)
{
	int e = 0;

	for (size_t i = 0; i < r->profile->threads_n && e == 0; i++) {
		/* Those of an ended one are in the shards. */
		if (r->threads[i].record.gates && r->profile->threads[i].live) {
			e = take_gates(r, &r->threads[i]);
		}
	}
	return e;
}
