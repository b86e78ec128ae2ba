/* SPDX-License-Identifier: MIT */
/* cli/verb_run.c - `autoprof run`: start a command under the preload, and report at its end. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/collect.h"
#include "cli/doctor.h"
#include "cli/launch.h"
#include "cli/library.h"
#include "cli/options.h"
#include "cli/run_env.h"
#include "monitor/store.h"

#define FIRST_TICK_MS 100
#define MOST_LOG_LINES 5

struct values {
	const char *output, *dir, *debug_dir;
	struct ap_option_list options;
	bool json, quiet, debuginfod, per_process;
};

#define AT(member) offsetof(struct values, member)
static const struct ap_option options[] = {
	{"output", 'o', AP_OPTION_TEXT, AT(output), "PATTERNS",
	 "report files, comma separated (autoprof.%e.%p.txt)", NULL},
	{"json", 'j', AP_OPTION_FLAG, AT(json), NULL, "short for --output=autoprof.%e.%p.json",
	 NULL},
	{"option", 'O', AP_OPTION_LIST, AT(options), "KEY=VALUE",
	 "an option of autoprof-options(7); may be repeated", NULL},
	{"per-process", 'p', AP_OPTION_FLAG, AT(per_process), NULL,
	 "a report for each process, not one for all of them", NULL},
	{"dir", 'd', AP_OPTION_TEXT, AT(dir), "DIR", "where spools live meanwhile", NULL},
	{"debug-dir", 0, AP_OPTION_TEXT, AT(debug_dir), "DIR", "separate debug files are here too",
	 NULL},
	{"debuginfod", 0, AP_OPTION_FLAG, AT(debuginfod), NULL,
	 "ask the servers in DEBUGINFOD_URLS", NULL},
	{"quiet", 'q', AP_OPTION_FLAG, AT(quiet), NULL, "do not say where the reports are", NULL},
	{0},
};
#undef AT

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* What the runtimes had to say, before the run directory goes. */
static void tell_log(const char *dir)
{
	char path[PATH_MAX + 8], line[1024];

	FILE *log = ap_names_log(path, sizeof(path), dir) == 0 ? fopen(path, "re") : NULL;
	if (!log) {
		return;
	}
	for (unsigned n = 0; n < MOST_LOG_LINES && fgets(line, sizeof(line), log); n++) {
		line[strcspn(line, "\n")] = 0;
		ap_complain("%s", line);
	}
	fclose(log);
}

static void tell_why_nothing(const struct ap_collect *collect, const char *program,
			     const struct ap_elf_facts *facts)
{
	const struct ap_diagnosis *diagnosis = ap_doctor(facts);
	const char *disable = getenv("AUTOPROF_DISABLE");

	if (disable && *disable && strcmp(disable, "0") != 0) {
		ap_complain("no report: AUTOPROF_DISABLE is set");
	} else if (diagnosis->verdict != AP_DOCTOR_WELL) {
		ap_complain("no report of '%s': %s", facts->script ? facts->path : program,
			    diagnosis->why);
		if (diagnosis->remedy) {
			ap_complain("to do: %s", diagnosis->remedy);
		}
	} else if (collect->inert_reason) {
		ap_complain("no report of '%s': recording stopped: %s", program,
			    strerror(collect->inert_reason));
	} else if (collect->silent) {
		ap_complain("no report of '%s': no instrumented function was called", program);
	} else {
		ap_complain("no report of '%s': it recorded nothing", program);
	}
}

static void tell_others(const struct ap_collect *collect)
{
	if (collect->others == 1) {
		ap_complain("report: %s", collect->first_other);
	} else if (collect->others) {
		ap_complain("%u reports of other processes, the first: %s", collect->others,
			    collect->first_other);
	}
	if (collect->alive) {
		ap_complain("%u processes go on; each is reported at its end", collect->alive);
	}
}

static void finish(struct ap_collect *collect, const char *program,
		   const struct ap_elf_facts *facts)
{
	const bool nothing = !collect->roots && !collect->others && !collect->kept &&
			     !collect->failed && !collect->alive;

	if (nothing) {
		tell_why_nothing(collect, program, facts);
	} else if (!collect->quiet) {
		tell_others(collect);
	}
	if (nothing || !collect->quiet) {
		tell_log(collect->dir);
	}
	(void)ap_store_remove_run(collect->dir);
}

/* The patterns that the command is given: the same that its spool will say, unless it lies. */
static const char *wanted_output(const struct ap_run_env *env, char *ret, size_t size)
{
	const int r = ap_store_option(env->options, "output", ret, size);

	return r == 1 && *ret ? ret : AP_DEFAULT_OUTPUT;
}

/* Runs it. Return: the exit status for us. */
static int run_command(char **argv, const char *program, const struct values *values,
		       struct ap_run_env *env)
{
	const struct ap_launch_variable variables[] = {
		{"LD_PRELOAD", env->preload},
		{"AUTOPROF_OPTIONS", env->options},
		{0},
	};
	char output[1024];
	struct ap_collect collect = {
		.dir = env->dir,
		.output = wanted_output(env, output, sizeof(output)),
		.symbols = {values->debug_dir, values->debuginfod},
		.program = env->facts.path[0] ? env->facts.path : program,
		.quiet = values->quiet,
		.per_process = values->per_process,
	};
	int tick_ms = FIRST_TICK_MS;
	struct ap_launch_end end;
	struct ap_launch launch;

	ap_collect_begin(&collect);
	const int r = ap_launch_start(argv, env->preload ? variables : &variables[2], &launch);
	if (r < 0) {
		ap_complain("cannot run '%s': %s", argv[0], strerror(-r));
		(void)ap_store_remove_run(env->dir);
		return r == -ENOENT		      ? AP_EXIT_NOT_FOUND
		       : r == -EAGAIN || r == -ENOMEM ? AP_EXIT_RUN_FAILED
						      : AP_EXIT_NOT_EXECUTABLE;
	}
	signal(SIGPIPE,
	       SIG_IGN); /* who reads our messages may leave before there is nothing left to do */
	ap_collect_started(&collect, launch.pid);
	while (!ap_launch_wait(&launch, tick_ms)) {
		tick_ms = ap_collect_tick(&collect);
	}
	ap_collect_dying(&collect);
	ap_launch_reap(&launch, &end);
	ap_collect_root(&collect, &end);
	finish(&collect, program, &env->facts);
	ap_collect_end(&collect);
	return status_of(end.wait_status);
}

static int run(const struct ap_verb *verb, int argc, char **argv)
{
	struct values values = {0};
	static struct ap_run_env env;
	char program[PATH_MAX];
	int status;

	const int first = ap_options_parse(verb, argc, argv, &values, &status);
	if (first < 0) {
		return status;
	}
	if (first == argc) {
		ap_complain("run what? try 'autoprof run --help'");
		return AP_EXIT_RUN_FAILED;
	}
	status = ap_launch_find(argv[first], program, sizeof(program));
	if (status != 0) {
		ap_complain("cannot run '%s': %s", argv[first],
			    status == AP_EXIT_NOT_FOUND ? "not found" : "not executable");
		return status;
	}
	const char *output = values.output ? values.output
			     : values.json ? "autoprof.%e.%p.json"
					   : NULL;
	if (ap_run_env_make(program, values.dir, output, &values.options, &env) < 0) {
		return AP_EXIT_RUN_FAILED;
	}
	return run_command(argv + first, program, &values, &env);
}

const struct ap_verb ap_verb_run = {
	.name = "run",
	.summary = "run a command under the profiler and report at its end",
	.operands = "[--] COMMAND [ARG...]",
	.options = options,
	.command = true,
	.trouble = AP_EXIT_RUN_FAILED,
	.run = run,
};
