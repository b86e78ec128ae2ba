/* SPDX-License-Identifier: MIT */
/* cli/run_env.h - the run directory and the environment of a command that is to be profiled. */
#ifndef AP_CLI_RUN_ENV_H
#define AP_CLI_RUN_ENV_H

#include <limits.h>

#include "cli/elf_facts.h"
#include "cli/options.h"

#define AP_RUN_OPTIONS_BYTES 65536

/** What a command is started with. */
struct ap_run_env {
	struct ap_elf_facts facts;	    /* of the command */
	char dir[PATH_MAX];		    /* its run directory: made, private */
	char options[AP_RUN_OPTIONS_BYTES]; /* AUTOPROF_OPTIONS */
	char preload_text[AP_RUN_OPTIONS_BYTES];
	const char *preload; /* LD_PRELOAD; NULL: do not preload, it would do harm */
};

/**
 * ap_run_env_make() - make the run directory, compose the variables
 * @program: file of the command
 * @dir, @output: of the command line, or NULL
 * @options: --option, each KEY=VALUE
 *
 * Complains. Return: 0 or a negative errno; then nothing is left behind. */
int ap_run_env_make(const char *program, const char *dir, const char *output,
		    const struct ap_option_list *options, struct ap_run_env *ret);

#endif
