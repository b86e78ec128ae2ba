/* SPDX-License-Identifier: MIT */
/* runtime/clock.c - the clock of events and its rate. */
#include <time.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"

uint64_t ap_clock_ns(int clock)
{
	struct timespec now = {0, 0};
	const bool cheap = clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME;
	if (!cheap || !ap_runtime.vdso_gettime || ap_runtime.vdso_gettime(clock, &now) != 0)
		ap_sys2(SYS_clock_gettime, clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

uint64_t ap_ticks_monotonic(void)
{
	return ap_clock_ns(CLOCK_MONOTONIC);
}

/** ap_clock_pair() - both clocks at one moment: the tightest of three tries. */
void ap_clock_pair(struct ap_clock_pair *pair)
{
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < 3; i++) {
		const uint64_t before = ap_ticks();
		const uint64_t ns = ap_clock_ns(CLOCK_MONOTONIC);
		const uint64_t after = ap_ticks();
		if (after - before < best) {
			best = after - before;
			pair->ticks = before + (after - before) / 2;
			pair->mono_ns = ns;
		}
	}
}

/* The machine does not tell: measured over 200 us of the start, good to some 1e-4. Readers refit over the whole life. */
static uint64_t measured_rate(const struct ap_clock_pair *a)
{
	struct ap_clock_pair b;
	while (ap_clock_ns(CLOCK_MONOTONIC) - a->mono_ns < 200000)
		;
	ap_clock_pair(&b);
	return (uint64_t)((unsigned __int128)(b.ticks - a->ticks) * 1000000000u /
			  (b.mono_ns - a->mono_ns));
}

#ifdef AP_TEST_LOSSY
/* The test build whose life begins @wrap_ms before the 48 bits of an event's time wrap, and whose first estimate of the
 * clock's rate is wrong by @drift_pct. */
uint64_t ap_test_ticks_ahead;

static void grow_old(void)
{
	const uint64_t ms = ap_runtime.settings.wrap_ms;
	if (ms)
		ap_test_ticks_ahead =
			-(ap_arch_ticks() + ap_ticks_of_ns(ms * 1000000)) & AP_EVENT_TIME_MASK;
	ap_runtime.ticks_per_s += ap_runtime.ticks_per_s / 100 * ap_runtime.settings.drift_pct;
}
#else
static void grow_old(void)
{
}
#endif

/* The kernel compares the processors' counters, and takes another clock when they disagree. Where it does not say,
 * the processor's word must do. */
static bool kernel_distrusts_counter(void)
{
	static const char *const others[] = {"hpet", "acpi_pm", "jiffies", "refined-jiffies",
					     "pit"};
	char name[32];
	if (ap_read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", name,
			 sizeof name) <= 0)
		return false;
	for (char *end = name; *end; end++)
		if (*end == '\n')
			*end = 0;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (ap_streq(name, others[i]))
			return true;
	return false;
}

void ap_clock_choose(struct ap_clock_pair *ret_first)
{
	*(void **)&ap_runtime.vdso_gettime = ap_vdso_find(AP_ARCH_VDSO_GETTIME);
	if (!ap_arch_clock_fixed() || kernel_distrusts_counter())
		ap_runtime.clock_kind = AP_CLOCK_MONOTONIC;
	ap_clock_pair(ret_first);
}

void ap_clock_rate(const struct ap_clock_pair *first)
{
	if (ap_runtime.clock_kind == AP_CLOCK_MONOTONIC)
		ap_runtime.ticks_per_s = 1000000000u;
	else
		ap_runtime.ticks_per_s = ap_arch_clock_hz();
	if (ap_runtime.ticks_per_s < 1000000)
		ap_runtime.ticks_per_s = measured_rate(first);
	grow_old();
	ap_hist_map_init(&ap_runtime.hist_map, ap_runtime.ticks_per_s);
}

uint64_t ap_ticks_of_ns(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * ap_runtime.ticks_per_s / 1000000000u);
}

uint64_t ap_ns_of_ticks(uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * 1000000000u / ap_runtime.ticks_per_s);
}
