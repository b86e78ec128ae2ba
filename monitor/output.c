/* SPDX-License-Identifier: MIT */
/* monitor/output.c - see output.h. */
#include "monitor/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "report/report.h"
#include "spool/names.h"

#define MOST_NUMBERED 9999u

const char *ap_output_next(const char *list, char *ret, size_t size)
{
	while (*list == ',') {
		list++;
	}
	if (!*list) {
		return NULL;
	}
	const size_t n = strcspn(list, ",");
	snprintf(ret, size, "%.*s", (int)n, list);
	return list + n;
}

/* Names of programs and hosts: nothing that moves to another directory or garbles a terminal. */
static void put_name(struct ap_names_text *text, const char *name)
{
	const char *slash = strrchr(name, '/');

	name = slash ? slash + 1 : name;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		ap_names_put(text, "unknown");
		return;
	}
	for (; *name; name++) {
		const unsigned char c = (unsigned char)*name;
		ap_names_put_char(text, c < ' ' || c == 0x7f || c == ',' ? '_' : *name);
	}
}

static void put_time(struct ap_names_text *text, uint64_t unix_ns)
{
	const time_t seconds = (time_t)(unix_ns / 1000000000u);
	char stamp[32];
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&seconds, &tm));
	ap_names_put(text, stamp);
}

static void put_conversion(struct ap_names_text *text, char letter,
			   const struct ap_output_names *names)
{
	switch (letter) {
	case 'e':
		put_name(text, names->exe ? names->exe : "");
		break;
	case 'h':
		put_name(text, names->host ? names->host : "");
		break;
	case 'p':
		ap_names_put_number(text, names->pid);
		break;
	case 't':
		put_time(text, names->start_unix_ns);
		break;
	case '%':
		ap_names_put_char(text, '%');
		break;
	default:
		ap_names_put_char(text, '%');
		ap_names_put_char(text, letter);
	}
}

int ap_output_expand(const char *pattern, const struct ap_output_names *names, char *ret,
		     size_t size)
{
	struct ap_names_text text = {ret, size, 0};

	ret[0] = 0;
	for (; *pattern; pattern++) {
		if (pattern[0] == '%' && pattern[1]) {
			put_conversion(&text, *++pattern, names);
		} else {
			ap_names_put_char(&text, *pattern);
		}
	}
	return ap_names_fit(&text);
}

int ap_output_numbered(const char *path, unsigned n, char *ret, size_t size)
{
	const char *dot = ap_writer_for(path) ? strrchr(path, '.') : NULL;
	const int stem = dot ? (int)(dot - path) : (int)strlen(path);
	int r;

	if (n <= 1) {
		r = snprintf(ret, size, "%s", path);
	} else {
		r = snprintf(ret, size, "%.*s.%u%s", stem, path, n, path + stem);
	}
	return r >= 0 && (size_t)r < size ? 0 : -ENAMETOOLONG;
}

/* Splits into directory and name. Return: 0 or errno. */
static int split(const char *path, const char *cwd, struct ap_output *ret)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const bool relative = path[0] != '/' && cwd && *cwd;
	int r;

	if (!*name) {
		return -EISDIR;
	}
	r = snprintf(ret->name, sizeof(ret->name), "%s", name);
	if (r >= (int)sizeof(ret->name)) {
		return -ENAMETOOLONG;
	}
	r = snprintf(ret->dir, sizeof(ret->dir), "%s%s%.*s", relative ? cwd : "",
		     relative && slash ? "/" : "",
		     slash ? (int)(slash - path) + (slash == path) : 0, path);
	if (r >= (int)sizeof(ret->dir)) {
		return -ENAMETOOLONG;
	}
	if (!ret->dir[0]) {
		strcpy(ret->dir, ".");
	}
	return 0;
}

/* A file without a name where the file system can do that: nothing is left behind by whatever
 * kills us. */
static int open_temporary(struct ap_output *output)
{
	int fd = openat(output->dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0) {
		(void)fchmod(fd, 0600); /* whatever the umask is */
		return fd;
	}
	if ((errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)) {
		return -errno;
	}
	for (unsigned attempt = 0; attempt < 100; attempt++) {
		snprintf(output->temp, sizeof(output->temp), ".autoprof.%d.%u.tmp", (int)getpid(),
			 attempt);
		fd = openat(output->dir_fd, output->temp,
			    O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
		if (fd >= 0) {
			output->named = true;
			(void)fchmod(fd, 0600);
			return fd;
		}
		if (errno != EEXIST) {
			break;
		}
	}
	return -errno;
}

/* A device is written to as it is. Through a link (/dev/stdout) only where nobody else can put one: the names of
 * reports can be guessed, and a link in /tmp would choose the device. Return: descriptor; -ENODEV there is none of
 * that name; or the errno. */
static int open_device(const struct ap_output *output)
{
	struct stat dir, st;
	int fd;

	const bool safe = fstat(output->dir_fd, &dir) == 0 && !(dir.st_mode & 022) &&
			  (dir.st_uid == 0 || dir.st_uid == geteuid());
	const int follow = safe ? 0 : AT_SYMLINK_NOFOLLOW;
	if (fstatat(output->dir_fd, output->name, &st, follow) < 0 || !S_ISCHR(st.st_mode)) {
		return -ENODEV;
	}
	fd = openat(output->dir_fd, output->name,
		    O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | (safe ? 0 : O_NOFOLLOW));
	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode)) {
		close(fd);
		return -ENODEV; /* another was put there meanwhile */
	}
	(void)fcntl(fd, F_SETFL, O_WRONLY);
	return fd;
}

int ap_output_open(const char *path, const char *cwd, struct ap_output *ret)
{
	int fd;

	*ret = (struct ap_output){.dir_fd = -1};
	int r = split(path, cwd, ret);
	if (r < 0) {
		return r;
	}
	ret->dir_fd = open(ret->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ret->dir_fd < 0) {
		return -errno;
	}
	fd = open_device(ret);
	ret->device = fd != -ENODEV;
	fd = ret->device ? fd : open_temporary(ret);
	r = fd < 0 ? fd : 0;
	if (r == 0) {
		ret->stream = fdopen(fd, "w");
		if (!ret->stream) {
			r = -errno;
			close(fd);
		}
	}
	if (r < 0) {
		ap_output_abandon(ret);
	}
	return r;
}

/* Gives the temporary file a name that must be free. Return: 0, -EEXIST, or another errno. */
static int name_it(const struct ap_output *output, const char *name)
{
	char link[64];

	if (!output->named) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fileno(output->stream));
		return linkat(AT_FDCWD, link, output->dir_fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno
											   : 0;
	}
	if (renameat2(output->dir_fd, output->temp, output->dir_fd, name, RENAME_NOREPLACE) == 0) {
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS) {
		return -errno;
	}
	if (linkat(output->dir_fd, output->temp, output->dir_fd, name, 0) < 0) {
		return -errno;
	}
	unlinkat(output->dir_fd, output->temp, 0);
	return 0;
}

static int name_first_free(struct ap_output *output, char *ret, size_t size)
{
	char name[sizeof(output->name) + 8];
	int r = -EEXIST;

	for (unsigned n = 1; r == -EEXIST && n <= MOST_NUMBERED; n++) {
		r = ap_output_numbered(output->name, n, name, sizeof(name));
		r = r < 0 ? r : name_it(output, name);
	}
	if (r < 0) {
		return r;
	}
	output->named = false;
	const bool here = strcmp(output->dir, ".") == 0;
	const bool root = strcmp(output->dir, "/") == 0;
	snprintf(ret, size, "%s%s%s", here ? "" : output->dir, here || root ? "" : "/", name);
	return 0;
}

int ap_output_commit(struct ap_output *output, char *ret, size_t size)
{
	int r = 0;

	if (fflush(output->stream) != 0 || ferror(output->stream)) {
		r = errno ? -errno : -EIO;
	} else if (output->device) {
		snprintf(ret, size, "%s/%s", output->dir, output->name);
	} else {
		r = name_first_free(output, ret, size);
	}
	ap_output_abandon(output);
	return r;
}

void ap_output_abandon(struct ap_output *output)
{
	if (output->named) {
		unlinkat(output->dir_fd, output->temp, 0);
	}
	if (output->stream) {
		fclose(output->stream);
	}
	if (output->dir_fd > 0) {
		close(output->dir_fd);
	}
	*output = (struct ap_output){.dir_fd = -1};
}
