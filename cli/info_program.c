/* SPDX-License-Identifier: MIT */
/* cli/info_program.c - the doctor's words on a program file. */
#include <errno.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/info.h"
#include "cli/options.h"

static const char *yes(bool is)
{
	return is ? "yes" : "no";
}

static void print_facts(const struct ap_elf_facts *facts)
{
	ap_info_line("kind", "%d-bit %s%s", facts->bits,
		     facts->dynamic ? "dynamically linked" : "statically linked",
		     facts->native ? "" : ", of another machine");
	if (facts->dynamic) {
		ap_info_line("loader", "%s (%s)", facts->interpreter,
			     facts->musl ? "musl" : "glibc");
	}
	ap_info_line("rights", "%s%s%s%s", facts->setuid ? "setuid " : "",
		     facts->setgid ? "setgid " : "", facts->capabilities ? "capabilities" : "",
		     facts->setuid || facts->setgid || facts->capabilities ? "" : "plain");
	ap_info_line("hooks", "%s",
		     facts->defines_hooks   ? "its own __cyg_profile_func_enter"
		     : facts->imports_hooks ? "instrumented"
					    : "not instrumented");
	ap_info_line("symbols", "%s%s", yes(facts->symbols), facts->symbols ? "" : " (stripped)");
	ap_info_line("debug info", "%s", yes(facts->debug));
	if (facts->sanitizer[0]) {
		ap_info_line("sanitizer", "%s", facts->sanitizer);
	}
}

int ap_info_program(const char *path)
{
	static const char *const outcomes[] = {
		[AP_DOCTOR_WELL] = "its calls will be profiled",
		[AP_DOCTOR_NOTHING] = "it will run, and nothing will be recorded",
		[AP_DOCTOR_HARM] =
			"'autoprof run' will start it without the preload, which it does not bear",
	};
	struct ap_elf_facts facts;

	const int r = ap_elf_facts(path, &facts);
	if (r < 0) {
		ap_complain("cannot read '%s': %s", path, strerror(-r));
		return r;
	}
	ap_info_line("program", "%s", path);
	if (facts.script) {
		ap_info_line("script of", "%s", facts.path);
	}
	if (facts.elf) {
		print_facts(&facts);
	}
	const struct ap_diagnosis *diagnosis = ap_doctor(&facts);
	ap_info_line("verdict", "%s: %s", outcomes[diagnosis->verdict], diagnosis->why);
	if (diagnosis->remedy) {
		ap_info_line("to do", "%s", diagnosis->remedy);
	}
	return 0;
}
