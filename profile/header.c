/* SPDX-License-Identifier: MIT */
/* profile/header.c - is this a spool of ours, whole, and how fast did its clock run? */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "profile/reader.h"

/* Clocks outside of this are damage: kHz to a hundred GHz. */
#define RATE_LEAST 1000ull
#define RATE_MOST 100000000000ull
/* Pairs nearer than this say less about the rate than the program's own estimate. */
#define FIT_LEAST_NS 10000000ull
#define FIT_MOST_OFF 0.01L

int ap_reader_fail(struct ap_profile_error *error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EBADMSG;
}

int ap_reader_no_memory(struct ap_profile_error *error)
{
	ap_reader_fail(error, "out of memory");
	return -ENOMEM;
}

uint64_t ap_header_used_bytes(const struct ap_spool_header *hdr)
{
	/* A program whose memory is full may have asked for more than there is. */
	return hdr->alloc_next < hdr->size_bytes ? hdr->alloc_next : hdr->size_bytes;
}

static int check_format(const struct ap_spool_header *hdr, struct ap_profile_error *error)
{
	if (memcmp(hdr->magic, AP_SPOOL_MAGIC, sizeof(hdr->magic)) != 0) {
		return ap_reader_fail(error, "not an autoprof spool");
	}
	if (hdr->byte_order != AP_SPOOL_BYTE_ORDER) {
		return ap_reader_fail(error, "spool of a machine of another byte order");
	}
	if (hdr->version != AP_SPOOL_VERSION) {
		return ap_reader_fail(error,
				      "spool of version %" PRIu32 ", this program reads version %u",
				      hdr->version, AP_SPOOL_VERSION);
	}
	if (hdr->header_bytes != sizeof(*hdr)) {
		return ap_reader_fail(error,
				      "spool with a header of %" PRIu32 " bytes instead of %zu",
				      hdr->header_bytes, sizeof(*hdr));
	}
	return 0;
}

static int check_fields(const struct ap_spool_header *hdr, struct ap_profile_error *error)
{
	if (hdr->clock_kind < AP_CLOCK_MONOTONIC || hdr->clock_kind > AP_CLOCK_CNTVCT) {
		return ap_reader_fail(error, "corrupt spool: unknown clock %" PRIu32,
				      hdr->clock_kind);
	}
	if (hdr->ticks_per_s < RATE_LEAST || hdr->ticks_per_s > RATE_MOST) {
		return ap_reader_fail(error, "corrupt spool: clock of %" PRIu64 " ticks a second",
				      hdr->ticks_per_s);
	}
	if (hdr->shards > AP_MAX_SHARDS) {
		return ap_reader_fail(error, "corrupt spool: %" PRIu32 " shards", hdr->shards);
	}
	if (hdr->pauses_n > AP_PAUSES) {
		return ap_reader_fail(error, "corrupt spool: %" PRIu32 " pauses", hdr->pauses_n);
	}
	if (ap_header_used_bytes(hdr) < sizeof(*hdr)) {
		return ap_reader_fail(error, "corrupt spool: %" PRIu64 " bytes in use",
				      ap_header_used_bytes(hdr));
	}
	return 0;
}

int ap_header_check(const void *bytes, uint64_t size, struct ap_spool_header *ret,
		    struct ap_profile_error *error)
{
	if (size < sizeof(*ret)) {
		const bool ours = size >= sizeof(ret->magic) &&
				  memcmp(bytes, AP_SPOOL_MAGIC, sizeof(ret->magic)) == 0;
		return ours ? ap_reader_fail(error, "truncated spool: %" PRIu64 " bytes", size)
			    : ap_reader_fail(error, "not an autoprof spool");
	}
	memcpy(ret, bytes, sizeof(*ret));
	int e = check_format(ret, error);
	if (e == 0) {
		e = check_fields(ret, error);
	}
	if (e == 0 && size < ap_header_used_bytes(ret)) {
		e = ap_reader_fail(error, "truncated spool: %" PRIu64 " of %" PRIu64 " bytes", size,
				   ap_header_used_bytes(ret));
	}
	return e;
}

void ap_header_head(const struct ap_spool_header *hdr, struct ap_profile_head *ret)
{
	*ret = (struct ap_profile_head){
		.pid = hdr->pid,
		.ppid = hdr->ppid,
		.uid = hdr->uid,
		.proc_start = hdr->proc_start,
		.life = hdr->life,
		.report_state = hdr->report_state,
		.spool_id = hdr->spool_id,
		.start_unix_ns = hdr->start_unix_ns,
	};
	memcpy(ret->boot_id, hdr->boot_id, sizeof(ret->boot_id));
}

/* From two readings of both clocks, where they are far apart and not absurd. */
static long double fit_rate(const struct ap_spool_header *hdr)
{
	const struct ap_clock_pair *a = &hdr->clock_first, *b = &hdr->clock_last;
	const long double guess = hdr->ticks_per_s;

	if (b->ticks <= a->ticks || b->mono_ns <= a->mono_ns ||
	    b->mono_ns - a->mono_ns < FIT_LEAST_NS) {
		return guess;
	}
	const long double rate =
		(long double)(b->ticks - a->ticks) / (b->mono_ns - a->mono_ns) * 1e9L;
	return fabsl(rate - guess) <= guess * FIT_MOST_OFF ? rate : guess;
}

int ap_reader_header(struct ap_reader *r)
{
	static const char *const clocks[] = {
		[AP_CLOCK_MONOTONIC] = "monotonic",
		[AP_CLOCK_TSC] = "tsc",
		[AP_CLOCK_CNTVCT] = "cntvct",
	};
	const int e = ap_header_check(r->in.bytes, r->in.size, &r->hdr, r->error);
	if (e < 0) {
		return e;
	}
	const long double rate = fit_rate(&r->hdr);
	r->ns_per_tick = 1e9L / rate;
	r->profile->quality.ticks_per_s = (double)rate;
	r->profile->quality.clock = clocks[r->hdr.clock_kind];
	ap_hist_map_init(&r->hist, r->hdr.ticks_per_s);
	return 0;
}

uint64_t ap_reader_duration(const struct ap_reader *r, uint64_t ticks)
{
	const long double ns = roundl(ticks * r->ns_per_tick);
	return ns < 0x1p64L ? (uint64_t)ns : UINT64_MAX;
}

uint64_t ap_reader_between(const struct ap_reader *r, uint64_t start, uint64_t end)
{
	return end > start ? ap_reader_duration(r, end - start) : 0;
}
