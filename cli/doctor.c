/* SPDX-License-Identifier: MIT */
/* cli/doctor.c - see doctor.h. */
#include "cli/doctor.h"

#include <stddef.h>
#include <string.h>

static bool no_elf(const struct ap_elf_facts *facts)
{
	return !facts->elf;
}

static bool foreign(const struct ap_elf_facts *facts)
{
	return !facts->native;
}

static bool is_static(const struct ap_elf_facts *facts)
{
	return !facts->dynamic;
}

static bool musl(const struct ap_elf_facts *facts)
{
	return facts->musl;
}

static bool secure(const struct ap_elf_facts *facts)
{
	return facts->secure;
}

static bool shared_sanitizer(const struct ap_elf_facts *facts)
{
	return strstr(facts->sanitizer, ".so") != NULL;
}

static bool own_hooks(const struct ap_elf_facts *facts)
{
	return facts->defines_hooks;
}

static bool no_hooks(const struct ap_elf_facts *facts)
{
	return !facts->imports_hooks;
}

static bool always(const struct ap_elf_facts *facts)
{
	(void)facts;
	return true;
}

/* The first row that applies is the diagnosis. */
static const struct {
	bool (*applies)(const struct ap_elf_facts *facts);
	struct ap_diagnosis diagnosis;
} rows[] = {
	{no_elf, {AP_DOCTOR_NOTHING, "it is not an ELF program", NULL}},
	{foreign,
	 {AP_DOCTOR_HARM, "it is built for another machine or word size than libautoprof.so",
	  NULL}},
	{is_static,
	 {AP_DOCTOR_NOTHING, "it is statically linked: no loader, no preload",
	  "link it dynamically"}},
	{musl, {AP_DOCTOR_HARM, "it is built for musl, libautoprof.so for glibc", NULL}},
	{secure,
	 {AP_DOCTOR_NOTHING,
	  "it is setuid, setgid or has capabilities: the loader ignores preloads",
	  "run it as its owner, or a copy without these rights"}},
	{shared_sanitizer,
	 {AP_DOCTOR_HARM, "its sanitizer runtime insists on being loaded first",
	  "build it without the sanitizer"}},
	{own_hooks,
	 {AP_DOCTOR_NOTHING,
	  "it brings its own __cyg_profile_func_enter, so its calls never reach us",
	  "leave out what defines it (another profiler's library?)"}},
	{no_hooks,
	 {AP_DOCTOR_NOTHING,
	  "it is not instrumented; only instrumented libraries that it loads are seen",
	  "compile it with: cc $(autoprof flags)"}},
	{always, {AP_DOCTOR_WELL, "it is instrumented and dynamically linked", NULL}},
};

const struct ap_diagnosis *ap_doctor(const struct ap_elf_facts *facts)
{
	size_t i = 0;

	while (!rows[i].applies(facts)) {
		i++;
	}
	return &rows[i].diagnosis;
}
