/* SPDX-License-Identifier: MIT */
/* report/text_quality.c - data quality: what was lost, guessed or degraded. Never left out. */
#include <string.h>

#include "report/figures.h"
#include "report/text_sections.h"
#include "report/units.h"
#include "report/words.h"

/* What the instrumentation itself takes is worth a line from here on. */
#define EMPTY_HOOKS_TOLD_PCT 5

static uint64_t dropped(const struct ap_profile_quality *quality)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < AP_PROFILE_DROPS; i++)
		sum += quality->dropped[i].events;
	return sum;
}

static void put_alarm(struct ap_text_out *text, const struct ap_profile_quality *quality)
{
	const unsigned long long attempted = quality->attempted;
	const unsigned long long found = quality->folded + quality->pending + dropped(quality);
	const bool missing = found < attempted;

	ap_text_begin_styled(text, AP_STYLE_CRITICAL, "  *** EVENTS DO NOT ADD UP: ", 6);
	ap_text_putf(text, "%llu events %s", missing ? attempted - found : found - attempted,
		     missing ? "are missing" : "too many");
	ap_text_put(text, ". The figures above are not complete; please report this as a defect of "
			  "autoprof. ***");
	ap_text_end(text);
}

static void put_identity(struct ap_text_out *text, const struct ap_profile_quality *quality)
{
	ap_text_field(text, "Events");
	ap_text_putf(text, "attempted %llu %s folded %llu + pending %llu + dropped %llu",
		     (unsigned long long)quality->attempted,
		     quality->identity_holds ? "=" : "!=", (unsigned long long)quality->folded,
		     (unsigned long long)quality->pending, (unsigned long long)dropped(quality));
	if (quality->in_doubt)
		ap_text_putf(text, " (%llu in doubt)", (unsigned long long)quality->in_doubt);
	ap_text_end(text);
	if (!quality->identity_holds)
		put_alarm(text, quality);
}

static void put_dropped(struct ap_text_out *text, const struct ap_profile_quality *quality)
{
	static const struct {
		const char *reason, *words;
	} reasons[] = {
		{"no_memory", "no memory for them: raise the option memory"},
		{"nested", "inside a slow path that could not block signals"},
		{"early", "before recording could begin"},
		{"torn", "left half written by a thread that was killed"},
	};

	for (size_t i = 0; i < AP_PROFILE_DROPS; i++) {
		const struct ap_profile_drop *drop = &quality->dropped[i];
		if (!drop->events)
			continue;
		ap_text_field(text, "Dropped");
		ap_text_putf(text, "%llu %s", (unsigned long long)drop->events, drop->reason);
		for (size_t k = 0; k < sizeof(reasons) / sizeof(reasons[0]); k++) {
			if (strcmp(drop->reason, reasons[k].reason) == 0)
				ap_text_putf(text, ": %s", reasons[k].words);
		}
		ap_text_end(text);
	}
}

static void put_overhead(struct ap_text_out *text, const struct ap_profile_quality *quality)
{
	ap_text_field(text, "Overhead");
	if (quality->hook_ns > 0)
		ap_text_putf(text, "~%.1f ns a call", quality->hook_ns);
	else
		ap_text_put(text, "not measured");
	if (quality->overhead_pct > 0)
		ap_text_putf(text, ", ~%s more CPU time than with hooks that do nothing",
			     ap_human_percent(quality->overhead_pct).text);
	if (quality->hook_inside_ns > 0)
		ap_text_putf(text,
			     "; taken out of times: %.1f +- %.1f ns of every call, %.1f ns of its "
			     "caller",
			     quality->hook_inside_ns, quality->hook_error_ns,
			     quality->hook_outside_ns);
	ap_text_end(text);
	if (quality->empty_hooks_pct >= EMPTY_HOOKS_TOLD_PCT) {
		ap_text_field(text, "Hooks");
		ap_text_putf(text,
			     "that do nothing would take ~%s of the program's CPU time: see "
			     "`autoprof report "
			     "--exclude-flags`",
			     ap_human_percent(quality->empty_hooks_pct).text);
		ap_text_end(text);
	}
	ap_text_field(text, "Clock");
	ap_text_putf(text, "%s", quality->clock ? quality->clock : "unknown");
	if (quality->ticks_per_s > 0)
		ap_text_putf(text, ", %.3f GHz", quality->ticks_per_s / 1e9);
	ap_text_put(text, "; times of functions are wall time");
	ap_text_end(text);
}

struct counter {
	uint64_t n;
	const char *words;
};

static void put_stacks(struct ap_text_out *text, const struct ap_profile_quality *quality)
{
	const struct counter counters[] = {
		{quality->unclosed_frames,
		 "calls ended without their exit (longjmp, exception, thread end)"},
		{quality->resyncs, "of these known by the stack pointer alone"},
		{quality->unmatched_exits, "exits without their enter"},
		{quality->clamps, "negative times set to 0"},
		{quality->compensation_clamps,
		 "paths shorter than their hooks were calibrated to be: taken as 0"},
		{quality->beyond, "calls too deep to be timed: counted only"},
		{quality->inherited, "open calls taken over from the parent process"},
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (!counters[i].n)
			continue;
		ap_text_field(text, "Stacks");
		ap_text_putf(text, "%llu %s", (unsigned long long)counters[i].n, counters[i].words);
		ap_text_end(text);
	}
}

/* What patching made of the counts. */
static void put_patched(struct ap_text_page *page)
{
	const struct ap_profile *profile = page->report->profile;
	const struct ap_profile_quality *quality = &profile->quality;
	struct ap_text_out *text = &page->text;
	size_t unknown = 0;

	if (!quality->patch)
		return;
	for (size_t f = 0; f < profile->functions_n; f++)
		unknown += profile->functions[f].calls_known == AP_CALLS_MORE;
	ap_text_field(text, "Patched");
	ap_text_putf(text, "hooks of %u function%s, out for %s, back %llu times", quality->patched,
		     quality->patched == 1 ? "" : "s", ap_human_ns((double)quality->asleep_ns).text,
		     (unsigned long long)quality->sleeps);
	if (quality->missed_calls)
		ap_text_putf(text,
			     ": ~%s of their calls were not counted but estimated, by those of "
			     "other functions",
			     ap_human_count(quality->missed_calls).text);
	if (unknown)
		ap_text_putf(text,
			     "; of %zu it is only known that there were more calls (>): in "
			     "some thread nothing else was called meanwhile or there was no "
			     "room to count, hooks could not be put back, or nobody ended a sleep",
			     unknown);
	ap_text_putf(text, "; %u functions could be, with %u hooks, %u could not",
		     quality->patch_functions, quality->patch_sites, quality->patch_unfit);
	if (quality->patch_unread)
		ap_text_putf(text, "; %u modules could not be read", quality->patch_unread);
	ap_text_end(text);
}

/* What a budget left of the recording. */
static void put_demoted(struct ap_text_page *page)
{
	const struct ap_profile *profile = page->report->profile;
	const struct ap_profile_quality *quality = &profile->quality;
	struct ap_text_out *text = &page->text;
	uint64_t calls = 0, untimed = 0;
	enum ap_calls_known known = AP_CALLS_EXACT;
	size_t functions = 0;

	if (!quality->counted_calls)
		return;
	for (size_t f = 0; f < profile->functions_n; f++) {
		const struct ap_profile_function *function = &profile->functions[f];
		functions += function->counted_calls != 0;
		calls += function->counted_calls ? function->calls : 0;
		known = ap_calls_worse(known, function->calls_known);
		untimed += function->counted_calls && !function->estimated_calls;
	}
	ap_text_field(text, "Demoted");
	ap_text_putf(text,
		     "%zu function%s, to keep a budget of %u %%: of %s calls ~%s were counted "
		     "only, at ~%.1f ns each; times marked ~ are estimates from the others",
		     functions, functions == 1 ? "" : "s", quality->budget_pct,
		     ap_figure_calls(calls, known).text,
		     ap_human_count(quality->counted_calls).text, quality->hook_gate_ns);
	if (untimed)
		ap_text_putf(text, "; %llu without any: their time is in that of their callers",
			     (unsigned long long)untimed);
	if (quality->left_out)
		ap_text_putf(text, "; %llu interruption%s of %s in all left out of these",
			     (unsigned long long)quality->left_out,
			     quality->left_out == 1 ? "" : "s",
			     ap_human_ns(quality->left_out_ns).text);
	ap_text_end(text);
}

/* Counted among the events, in no other figure. */
static void put_stops(struct ap_text_out *text, const struct ap_profile_quality *quality)
{
	if (!quality->stops)
		return;
	ap_text_field(text, "Stopped");
	ap_text_putf(text, "for %s in all, in %llu pause%s (start=, autoprof ctl): ",
		     ap_human_ns((double)quality->stopped_ns).text,
		     (unsigned long long)quality->stops, quality->stops == 1 ? "" : "s");
	ap_text_put(text, "nothing of that time is in this profile, and calls that were open when "
			  "it began end "
			  "there");
	ap_text_end(text);
}

/* What filters left out is in no table: here is how much it is. */
static void put_filters(struct ap_text_page *page)
{
	static const char *const what[] = {
		[AP_ID_OUTSIDE] = "calls outside of what is recorded",
		[AP_ID_LEFT_OUT] = "calls",
	};
	const struct ap_profile *profile = page->report->profile;
	struct ap_text_out *text = &page->text;

	if (!profile->quality.filters)
		return;
	ap_text_field(text, "Filters");
	ap_text_put(text, profile->quality.filters);
	ap_text_end(text);
	for (uint32_t id = AP_ID_OUTSIDE; id <= AP_ID_LEFT_OUT; id++) {
		const struct ap_profile_function *f = &profile->functions[id];
		if (!f->calls)
			continue;
		ap_text_field(text, page->report->symbols[id].name);
		ap_text_putf(text, "%s %s, %s of their own: in no table, but on paths",
			     ap_human_count(f->calls).text, what[id],
			     ap_human_ns((double)f->self_ns).text);
		ap_text_end(text);
	}
}

static bool is_deeper_used(const struct ap_profile *profile)
{
	for (size_t id = AP_ID_FIRST; id < profile->nodes_n; id++) {
		if (profile->nodes[id].used && profile->nodes[id].parent == AP_ID_DEEPER)
			return true;
	}
	return profile->functions_n > AP_ID_DEEPER && profile->functions[AP_ID_DEEPER].calls;
}

static void put_joined(struct ap_text_page *page)
{
	const struct ap_profile *profile = page->report->profile;
	struct ap_text_out *text = &page->text;

	if (is_deeper_used(profile)) {
		ap_text_field(text, "(deeper)");
		ap_text_putf(text,
			     "stands for calls on paths deeper than %u levels or beyond the memory "
			     "cap: %s of self "
			     "time. Totals marked ~ lack what joined it.",
			     AP_MAX_PATH_DEPTH,
			     ap_human_percent(profile->quality.paths_joined_pct).text);
		ap_text_end(text);
	}
	if (profile->functions_n > AP_ID_OTHER && profile->functions[AP_ID_OTHER].calls) {
		ap_text_field(text, "(other)");
		ap_text_put(text,
			    "stands for functions that found no place in the table of functions.");
		ap_text_end(text);
	}
}

static void put_memory(struct ap_text_out *text, const struct ap_profile_quality *quality)
{
	ap_text_field(text, "Memory");
	ap_text_putf(text, "%s of %s used for the profile",
		     ap_human_bytes(quality->memory_used_bytes).text,
		     ap_human_bytes(quality->memory_cap_bytes).text);
	ap_text_end(text);
	for (unsigned i = 0; i < ap_word_degraded_n; i++) {
		if (quality->degraded & ap_word_degraded[i].bit) {
			ap_text_field(text, "Degraded");
			ap_text_put(text, ap_word_degraded[i].words);
			ap_text_end(text);
		}
	}
}

static void put_notes(struct ap_text_page *page)
{
	const struct ap_profile_quality *quality = &page->report->profile->quality;
	struct ap_text_out *text = &page->text;

	for (size_t i = 0; i < quality->options_ignored_n; i++) {
		ap_text_field(text, "Ignored");
		ap_text_put(text, "option ");
		ap_text_put(text, quality->options_ignored[i]);
		ap_text_end(text);
	}
	for (size_t i = 0; i < page->report->module_notes_n; i++) {
		const struct ap_module_note *note = &page->report->module_notes[i];
		if (!note->text)
			continue;
		ap_text_field(text, "Module");
		ap_text_put(text, note->module ? note->module : "?");
		ap_text_put(text, ": ");
		ap_text_put(text, note->text);
		ap_text_end(text);
	}
	for (size_t i = 0; i < quality->notes_n; i++) {
		ap_text_field(text, "Note");
		ap_text_put(text, quality->notes[i]);
		ap_text_end(text);
	}
}

void ap_text_quality(struct ap_text_page *page)
{
	const struct ap_profile_quality *quality = &page->report->profile->quality;
	struct ap_text_out *text = &page->text;

	ap_text_heading(text, "DATA QUALITY", NULL);
	put_identity(text, quality);
	put_dropped(text, quality);
	put_overhead(text, quality);
	put_stacks(text, quality);
	put_demoted(page);
	put_patched(page);
	put_stops(text, quality);
	put_filters(page);
	put_joined(page);
	put_memory(text, quality);
	put_notes(page);
}
