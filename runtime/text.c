/* SPDX-License-Identifier: MIT */
/* runtime/text.c - the little text that the runtime needs: lines for the log, small files of the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/runtime.h"
#include "runtime/sys.h"
#include "spool/names.h"

size_t ap_strlen(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

bool ap_streq(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/** ap_line_str() - append; what does not fit is cut. The text is always NUL-terminated. */
void ap_line_str(struct ap_line *line, const char *s)
{
	while (*s && line->used + 1 < line->size)
		line->text[line->used++] = *s++;
	if (line->size)
		line->text[line->used] = 0;
}

void ap_line_u64(struct ap_line *line, uint64_t value)
{
	char digits[24];
	size_t at = sizeof digits;
	digits[--at] = 0;
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	ap_line_str(line, digits + at);
}

void ap_line_hex(struct ap_line *line, uint64_t value, int digits)
{
	char text[17];
	for (int i = digits - 1; i >= 0; i--) {
		text[i] = "0123456789abcdef"[value & 15];
		value >>= 4;
	}
	text[digits] = 0;
	ap_line_str(line, text);
}

/** ap_parse_u64() - decimal digits at *@at, moved behind them. Return: was there one, and no overflow? */
bool ap_parse_u64(const char **at, uint64_t *ret)
{
	const char *s = *at;
	uint64_t value = 0;
	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
			return false;
	}
	*at = s;
	*ret = value;
	return true;
}

long ap_read_file(const char *path, char *buffer, size_t size)
{
	const long fd = ap_sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
	long used = 0;
	if (fd < 0)
		return fd;
	while ((size_t)used + 1 < size) {
		const long n = ap_sys3(SYS_read, fd, buffer + used, size - 1 - (size_t)used);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		used += n;
	}
	ap_sys1(SYS_close, fd);
	buffer[used] = 0;
	return used;
}

/* A write beyond RLIMIT_FSIZE is not an error but a deadly signal. */
static bool may_write(void)
{
	uint64_t limit[2] = {0, 0};
	ap_sys4(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, limit);
	return limit[0] >= 1u << 20;
}

/** ap_append() - add to a file in the spool directory, unless it has grown beyond @most bytes (0: any). */
void ap_append(const char *path, const struct ap_line *line, uint64_t most)
{
	struct stat st;
	if (!ap_runtime.dir_checked || !may_write())
		return;
	const long fd = ap_sys4(SYS_openat, AT_FDCWD, path,
				O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
					O_NONBLOCK,
				0600);
	if (fd < 0)
		return;
	ap_sys2(SYS_fchmod, fd, 0600); /* whatever the umask is: the next one shall write too */
	if (!most ||
	    (ap_sys2(SYS_fstat, fd, &st) == 0 && (uint64_t)st.st_size + line->used <= most))
		ap_sys3(SYS_write, fd, line->text, line->used);
	ap_sys1(SYS_close, fd);
}

/** ap_log() - one line in the run directory's log: all that a failure leaves behind. */
void ap_log(const char *what, long error)
{
	const struct ap_settings *settings = &ap_runtime.settings;
	char path[560], text[800];
	struct ap_line line = {text, sizeof text, 0};
	if (ap_names_log(path, sizeof path, settings->dir))
		return;
	ap_line_str(&line, "pid ");
	ap_line_u64(&line, ap_getpid());
	ap_line_str(&line, ": ");
	ap_line_str(&line, what);
	if (error < 0) {
		ap_line_str(&line, " (errno ");
		ap_line_u64(&line, (uint64_t)-error);
		ap_line_str(&line, ")");
	}
	ap_line_str(&line, "\n");
	ap_append(path, &line, 0);
}
