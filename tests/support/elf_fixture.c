/* SPDX-License-Identifier: MIT */
/* tests/support/elf_fixture.c - see elf_fixture.h. */
#include "tests/support/elf_fixture.h"

#include <check.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];

void ap_fixture_begin(void)
{
	snprintf(scratch, sizeof(scratch), "/tmp/ap-fixture-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(scratch));
}

void ap_fixture_end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	ck_assert_int_eq(system(command), 0);
}

const char *ap_fixture_enter(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(chdir(path), 0);
	return path;
}

bool ap_fixture_has(const char *tool)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", tool);
	if (system(command) == 0) {
		return true;
	}
	fprintf(stderr, "skipped: no %s\n", tool);
	return false;
}

static char *output_of(const char *command)
{
	FILE *pipe = popen(command, "r");
	char *text = NULL;
	size_t size = 0;

	ck_assert_ptr_nonnull(pipe);
	if (getdelim(&text, &size, '\0', pipe) < 0) {
		free(text);
		text = strdup("");
	}
	ck_assert_msg(pclose(pipe) == 0, "failed: %s", command);
	return text;
}

char *ap_fixture_output(const char *format, ...)
{
	char *command;
	va_list args;

	va_start(args, format);
	ck_assert_int_gt(vasprintf(&command, format, args), 0);
	va_end(args);
	char *text = output_of(command);
	free(command);
	return text;
}

void ap_fixture_make(const char *format, ...)
{
	char *command;
	va_list args;

	va_start(args, format);
	ck_assert_int_gt(vasprintf(&command, format, args), 0);
	va_end(args);
	free(output_of(command));
	free(command);
}

void ap_fixture_write(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

uint64_t ap_fixture_address(const char *file, const char *symbol)
{
	char *text = ap_fixture_output("nm '%s' | awk '$3 == \"%s\" { print $1 }'", file, symbol);
	char *end;
	const uint64_t address = strtoull(text, &end, 16);

	ck_assert_msg(end > text, "no symbol %s in %s", symbol, file);
	free(text);
	return address;
}

int ap_fixture_line(const char *text, const char *words)
{
	const char *found = strstr(text, words);
	int line = 1;

	ck_assert_msg(found != NULL, "no line has: %s", words);
	for (const char *at = text; at < found; at++) {
		line += *at == '\n';
	}
	return line;
}

static void read_build_id(const char *file, struct ap_profile_module *module)
{
	char *hex =
		ap_fixture_output("readelf -n '%s' 2>/dev/null | sed -n 's/ *Build ID: //p'", file);
	unsigned byte;
	size_t n = 0;

	while (n < sizeof(module->build_id) && sscanf(hex + 2 * n, "%2x", &byte) == 1) {
		module->build_id[n++] = (uint8_t)byte;
	}
	module->build_id_bytes = (uint8_t)n;
	free(hex);
}

struct ap_profile_module ap_fixture_module(const char *file, uint64_t bias)
{
	struct ap_profile_module module = {.bias = bias};
	struct stat st;

	ck_assert_int_eq(stat(file, &st), 0);
	module.path = realpath(file, NULL);
	module.device = st.st_dev;
	module.inode = st.st_ino;
	module.file_bytes = (uint64_t)st.st_size;
	module.start = bias;
	module.end = bias + module.file_bytes;
	read_build_id(file, &module);
	return module;
}
