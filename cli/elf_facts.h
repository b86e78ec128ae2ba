/* SPDX-License-Identifier: MIT */
/* cli/elf_facts.h - what a program file says about itself, read through libelf. */
#ifndef AP_CLI_ELF_FACTS_H
#define AP_CLI_ELF_FACTS_H

#include <stdbool.h>

/** Facts of one file. */
struct ap_elf_facts {
	char path[4096]; /* the ELF file: of a script, its interpreter */
	bool script;	 /* asked about a script */
	bool elf;
	bool native;	       /* class, byte order and machine are ours */
	int bits;	       /* 32 or 64 */
	bool dynamic;	       /* the dynamic loader is involved */
	char interpreter[256]; /* the loader */
	bool musl;
	bool setuid, setgid, capabilities;
	bool secure;  /* these give it rights that we do not have: the loader ignores preloads */
	bool symbols; /* .symtab */
	bool debug;   /* .debug_info */
	bool imports_hooks; /* calls __cyg_profile_func_enter of someone else */
	bool defines_hooks; /* calls its own */
	char sanitizer[64]; /* the runtime that it needs, empty: none */
};

/** ap_elf_facts() - Return: 0 (also for what is no ELF file), or the errno of opening it. */
int ap_elf_facts(const char *path, struct ap_elf_facts *ret);

#endif
