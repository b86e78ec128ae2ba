/* SPDX-License-Identifier: MIT */
/* cli/info_spool.c - what a spool says of itself, without its profile's figures. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/info.h"
#include "cli/options.h"
#include "monitor/guard.h"
#include "profile/profile.h"
#include "report/units.h"

static const char *end_name(enum ap_profile_end end)
{
	static const char *const names[] = {
		[AP_PROFILE_RUNNING] = "running",
		[AP_PROFILE_EXIT] = "ended by exit",
		[AP_PROFILE_RAW_EXIT] = "ended by _exit",
		[AP_PROFILE_QUICK_EXIT] = "ended by quick_exit",
		[AP_PROFILE_EXEC] = "replaced by exec",
		[AP_PROFILE_SIGNAL] = "killed",
		[AP_PROFILE_KILLED] = "gone without a word",
	};

	return (size_t)end < sizeof(names) / sizeof(names[0]) ? names[end] : "?";
}

static void print_identity(const struct ap_store_entry *entry,
			   const struct ap_profile_process *process)
{
	const time_t start = (time_t)(process->start_unix_ns / 1000000000u);
	char stamp[64];
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", localtime_r(&start, &tm));
	ap_info_line("program", "%s", process->exe ? process->exe : "?");
	ap_info_line("directory", "%s", process->cwd ? process->cwd : "?");
	ap_info_line("process", "%u, child of %u, user %u", process->pid, process->ppid,
		     process->uid);
	ap_info_line("spool id", "%016" PRIx64, process->spool_id);
	if (process->parent_spool_id) {
		ap_info_line("forked from", "%016" PRIx64, process->parent_spool_id);
	}
	ap_info_line("started", "%s", stamp);
	ap_info_line("life", "%s, %s",
		     entry->alive			  ? "running"
		     : process->end == AP_PROFILE_RUNNING ? end_name(AP_PROFILE_KILLED)
							  : end_name(process->end),
		     ap_human_ns((double)process->duration_ns).text);
	ap_info_line("reports", "%s",
		     process->report_wanted ? process->output && *process->output
						      ? process->output
						      : AP_DEFAULT_OUTPUT
					    : "none wanted");
}

static void print_events(const struct ap_profile_quality *quality)
{
	uint64_t dropped = 0;

	for (size_t i = 0; i < AP_PROFILE_DROPS; i++) {
		dropped += quality->dropped[i].events;
	}
	ap_info_line("events",
		     "attempted %" PRIu64 " %s folded %" PRIu64 " + pending %" PRIu64
		     " + dropped %" PRIu64,
		     quality->attempted, quality->identity_holds ? "==" : "!=", quality->folded,
		     quality->pending, dropped);
	for (size_t i = 0; i < AP_PROFILE_DROPS; i++) {
		if (quality->dropped[i].events) {
			ap_info_line("dropped", "%" PRIu64 " (%s)", quality->dropped[i].events,
				     quality->dropped[i].reason);
		}
	}
	if (!quality->identity_holds) {
		ap_info_line("identity", "DOES NOT HOLD: events were lost or counted twice");
	}
}

static void print_quality(const struct ap_profile_quality *quality)
{
	ap_info_line("clock", "%s, %.0f ticks/s", quality->clock ? quality->clock : "?",
		     quality->ticks_per_s);
	ap_info_line("memory", "%s of %s", ap_human_bytes(quality->memory_used_bytes).text,
		     ap_human_bytes(quality->memory_cap_bytes).text);
	if (quality->degraded) {
		ap_info_line("degraded", "0x%" PRIx64 " (see the report's data quality)",
			     quality->degraded);
	}
	print_events(quality);
	for (size_t i = 0; i < quality->options_ignored_n; i++) {
		ap_info_line("ignored", "%s", quality->options_ignored[i]);
	}
	for (size_t i = 0; i < quality->notes_n; i++) {
		ap_info_line("note", "%s", quality->notes[i]);
	}
}

static void print_modules(const struct ap_profile *profile)
{
	for (size_t i = 0; i < profile->modules_n; i++) {
		const struct ap_profile_module *module = &profile->modules[i];
		char build_id[2 * sizeof(module->build_id) + 1] = "no build-id";

		for (unsigned b = 0; b < module->build_id_bytes && b < sizeof(module->build_id);
		     b++) {
			snprintf(build_id + 2 * b, 3, "%02x", module->build_id[b]);
		}
		ap_info_line("module", "%s %s%s", module->path ? module->path : "?", build_id,
			     module->unload_ticks ? " (unloaded)" : "");
	}
}

/* Two words of the header that are not part of the profile. */
static void print_header(const char *path)
{
	struct ap_spool_header header;
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header)) {
		if (header.attendant_pid) {
			ap_info_line("attendant", "%u", header.attendant_pid);
		}
		if (header.inert_reason) {
			ap_info_line("stopped", "recording stopped: %s",
				     strerror((int)header.inert_reason));
		}
	}
	if (fd >= 0) {
		close(fd);
	}
}

static int show(const struct ap_store_entry *entry)
{
	struct ap_profile_error error = {.text = ""};
	struct ap_profile *profile;

	const int r = ap_profile_open(entry->path, NULL, &profile, &error);
	if (r < 0) {
		ap_complain("cannot read '%s': %s", entry->path,
			    error.text[0] ? error.text : strerror(-r));
		return r;
	}
	ap_info_line("spool", "%s", entry->path);
	print_identity(entry, &profile->process);
	print_header(entry->path);
	print_quality(&profile->quality);
	print_modules(profile);
	ap_profile_free(profile);
	return 0;
}

/* In a child: what is read there is hostile. */
static int work(void *arg)
{
	const int r = show(*(const struct ap_store_entry *const *)arg);

	return fflush(stdout) != 0 || r < 0;
}

int ap_info_spool(const struct ap_store_entry *entry)
{
	const struct ap_guard_limits limits = {.extra_memory_bytes =
						       ap_store_bytes(entry->path) * 4};
	const int r = ap_guard_run(work, &entry, &limits);

	if (r < 0) {
		ap_complain("cannot read '%s': the reader %s", entry->path,
			    r == -ECHILD ? "died" : "hung");
	}
	return r == 0 ? 0 : -EBADMSG;
}
