/* SPDX-License-Identifier: MIT */
/* cli/doctor.h - what will happen to a program under the preload, told from its file. */
#ifndef AP_CLI_DOCTOR_H
#define AP_CLI_DOCTOR_H

#include "cli/elf_facts.h"

enum ap_doctor_verdict {
	AP_DOCTOR_WELL,	   /* every call will be seen */
	AP_DOCTOR_NOTHING, /* it runs, and nothing is recorded */
	AP_DOCTOR_HARM,	   /* the preload would stop it or make the loader complain: leave it out */
};

/** A diagnosis. Strings are constants. */
struct ap_diagnosis {
	enum ap_doctor_verdict verdict;
	const char *why;    /* "it is statically linked", follows the program's name */
	const char *remedy; /* what to do; NULL: nothing */
};

/** ap_doctor() - the first thing that is wrong with a program, or that all is well. */
const struct ap_diagnosis *ap_doctor(const struct ap_elf_facts *facts);

#endif
