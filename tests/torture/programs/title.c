/* SPDX-License-Identifier: MIT */
/* title - arguments and environment lie where the kernel put them, one after the other, and are what they were; then
 * they are overwritten with a title, as servers do. What the library reads of them it has read before. */
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "victim.h"

extern char **environ;

static const char *const ours[] = {"LD_PRELOAD=", "AUTOPROF_", "AP_DIFF_MARK="};

static UNTRACED int is_ours(const char *text)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strncmp(text, ours[i], strlen(ours[i])) == 0)
			return 1;
	return 0;
}

static APART void say_environment(void)
{
	for (char **at = environ; *at; at++)
		if (!is_ours(*at))
			printf("%s\n", *at);
}

/* Return: where the last of them ends; NULL: there is a gap. */
static APART char *end_of_all(int argc, char **argv, char **environment)
{
	char *at = argv[0];

	for (int i = 0; i < argc; i++) {
		if (argv[i] != at)
			return NULL;
		at += strlen(at) + 1;
	}
	for (; *environment; environment++) {
		if (*environment != at)
			return NULL;
		at += strlen(at) + 1;
	}
	return at;
}

static APART void set_title(char *start, const char *end)
{
	static const char title[] = "a title instead";

	memset(start, 0, (size_t)(end - start));
	memcpy(start, title, sizeof(title));
}

static UNTRACED void say_command_line(void)
{
	char text[4096] = {0};
	FILE *file = fopen("/proc/self/cmdline", "re");

	if (file && fread(text, 1, sizeof(text) - 1, file) > 0)
		printf("the title: %s\n", text);
	if (file)
		fclose(file);
}

int main(int argc, char **argv, char **environment)
{
	char *end = end_of_all(argc, argv, environment);

	say_environment();
	printf("environ is main's: %d, right behind the arguments: %d\n", environ == environment,
	       (char **)argv + argc + 1 == environment);
	printf("strings one after the other: %d, AT_SECURE %lu\n", end != NULL,
	       getauxval(AT_SECURE));
	if (end) {
		set_title(argv[0], end);
		say_command_line();
	}
	environ = NULL;
	usleep(300000); /* now somebody attends */
	printf("a variable: %s\n", getenv("HOME") ? "still there" : "gone");
	SAY_CALLS("main", 1);
	SAY_CALLS("say_environment", 1);
	SAY_CALLS("end_of_all", 1);
	SAY_CALLS("set_title", 1);
	return 0;
}
