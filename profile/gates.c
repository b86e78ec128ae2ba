/* SPDX-License-Identifier: MIT */
/* profile/gates.c - calls that were counted by hooks only: the tables of all threads. */
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

static bool read_table(struct ap_reader *r, ap_ref ref, struct ap_gates *ret)
{
	if (!ap_input_copy(&r->in, ref, 0, ret, sizeof(*ret))) {
		ap_reader_damage(r, AP_DAMAGE_COUNTERS);
		return false;
	}
	if (ret->weight_log2 > WEIGHT_LOG2_MOST) {
		ret->weight_log2 = WEIGHT_LOG2_MOST;
	}
	return true;
}

/* What all tables have counted, whoever had them. A list that comes round again runs out of what may be read. */
static int add_up(struct ap_reader *r)
{
	struct ap_gates *gates = calloc(1, sizeof(*gates));

	if (!gates) {
		return -ENOMEM;
	}
	for (ap_ref ref = r->hdr.gates; ref && read_table(r, ref, gates); ref = gates->next) {
		for (size_t i = 0; i < AP_GATES; i++) {
			if (gates->gate[i].function) {
				take_gate(r, ap_gate_calls(&gates->gate[i]), gates->gate[i].id);
			}
		}
	}
	free(gates);
	return 0;
}

/* Of a thread whose events are not all folded. */
static int take_table(struct ap_reader *r, struct ap_reader_thread *t)
{
	t->gates = calloc(1, sizeof(*t->gates));
	if (!t->gates) {
		return -ENOMEM;
	}
	if (t->record.gates > UINT32_MAX || !read_table(r, (ap_ref)t->record.gates, t->gates)) {
		free(t->gates);
		t->gates = NULL;
	}
	t->fold.gates = t->gates;
	return 0;
}

int ap_reader_gates(struct ap_reader *r)
{
	int e = add_up(r);

	for (size_t i = 0; i < r->profile->threads_n && e == 0; i++) {
		if (r->threads[i].record.gates) {
			e = take_table(r, &r->threads[i]);
		}
	}
	return e;
}
