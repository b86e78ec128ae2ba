/* SPDX-License-Identifier: MIT */
/* tests/support/elf_fixture.h - programs compiled, stripped and damaged while a test runs.
 *
 * Everything happens in a scratch directory, one subdirectory a test. Helpers fail the test when they cannot do
 * what they say. */
#ifndef AP_TESTS_SUPPORT_ELF_FIXTURE_H
#define AP_TESTS_SUPPORT_ELF_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"

/** ap_fixture_begin(), ap_fixture_end() - unchecked fixtures of a test case: make and remove the scratch directory. */
void ap_fixture_begin(void);
void ap_fixture_end(void);
/** ap_fixture_enter() - make subdirectory @name and go there. Return: its absolute path, static. */
const char *ap_fixture_enter(const char *name);
/** ap_fixture_has() - is @tool installed? Prints that the test is skipped where it is not. */
bool ap_fixture_has(const char *tool);
/** ap_fixture_make() - run a shell command that must succeed. */
void ap_fixture_make(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** ap_fixture_output() - as ap_fixture_make(). Return: new string, what it printed. */
char *ap_fixture_output(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** ap_fixture_write() - write @text to file @name. */
void ap_fixture_write(const char *name, const char *text);
/** ap_fixture_address() - the value of @symbol in the symbol table of @file. */
uint64_t ap_fixture_address(const char *file, const char *symbol);
/** ap_fixture_line() - the number of the first line of @text that has @words. */
int ap_fixture_line(const char *text, const char *words);
/** ap_fixture_module() - @file as a runtime would record it. Free module->path. */
struct ap_profile_module ap_fixture_module(const char *file, uint64_t bias);

#endif
