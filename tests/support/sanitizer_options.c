/* SPDX-License-Identifier: MIT */
/* tests/support/sanitizer_options.c - what a sanitizer finds in `autoprof` goes to a file of the build tree.
 *
 * Attendants have an environment of their own and nothing on descriptors 0 to 2: options in the environment would not
 * reach them, and what they print would be lost. Only in trees with sanitizers. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "log_path=" AP_SANITIZER_LOG ":detect_leaks=1:detect_stack_use_after_return=1:"
	       "strict_string_checks=1:allocator_may_return_null=1:verify_asan_link_order=0";
}

const char *__ubsan_default_options(void)
{
	return "log_path=" AP_SANITIZER_LOG ":print_stacktrace=1:halt_on_error=1";
}
