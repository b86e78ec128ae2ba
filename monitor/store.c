/* SPDX-License-Identifier: MIT */
/* monitor/store.c - see store.h. */
#include "monitor/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "spool/options.h"

#define NS_PER_S 1000000000ll
#define LOG_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

int ap_store_option(const char *options, const char *key, char *ret, size_t size)
{
	const size_t n = strlen(key);
	char item[4096 + 64];
	int r = 0;

	ret[0] = 0;
	for (const char *at = options ? options : ""; *at && r >= 0;) {
		bool fits;
		at = ap_options_take(at, item, sizeof(item), &fits);
		if (strncmp(item, key, n) == 0 && item[n] == '=') {
			const int bytes = snprintf(ret, size, "%s", item + n + 1);
			r = fits && bytes < (int)size ? 1 : -ENAMETOOLONG;
		}
	}
	if (r < 0) {
		ret[0] = 0;
	}
	return r;
}

int ap_store_dir(const char *option, char *ret, size_t size)
{
	if (option) {
		return snprintf(ret, size, "%s", option) < (int)size ? 0 : -ENAMETOOLONG;
	}
	const int r = ap_store_option(getenv("AUTOPROF_OPTIONS"), "dir", ret, size);
	if (r != 0 && ret[0] == '/') { /* the runtime ignores others */
		return 0;
	}
	return r < 0 ? r : ap_names_default_dir(ret, size, getenv("XDG_RUNTIME_DIR"), geteuid());
}

/* The latest moment that the file itself testifies: mtime says little, as stores through a
 * mapping of a tmpfs do not move it. */
static int64_t sign_of_life(const char *path, bool readable)
{
	struct ap_spool_header header;
	struct stat st;
	int64_t latest = 0;

	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return 0;
	}
	if (fstat(fd, &st) == 0) {
		latest = st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
	}
	if (readable && pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header)) {
		const uint64_t life_ns = header.clock_last.mono_ns - header.clock_first.mono_ns;
		const int64_t seen = (int64_t)(header.start_unix_ns + life_ns);
		latest = seen > latest ? seen : latest;
	}
	close(fd);
	return latest;
}

int ap_store_add(struct ap_store *store, const char *path)
{
	if ((store->n & (store->n - 1)) == 0) {
		const size_t room = store->n ? store->n * 2 : 1;
		struct ap_store_entry *more = realloc(store->entries, room * sizeof(*more));
		if (!more) {
			return -ENOMEM;
		}
		store->entries = more;
	}
	struct ap_store_entry *entry = &store->entries[store->n];
	const char *slash = strrchr(path, '/');

	*entry = (struct ap_store_entry){.path = strdup(path)};
	if (!entry->path) {
		return -ENOMEM;
	}
	entry->pid = ap_names_spool_pid(slash ? slash + 1 : path);
	entry->readable = ap_profile_head(path, &entry->head, &entry->error) == 0;
	if (entry->readable) {
		entry->pid = entry->head.pid;
		entry->alive = ap_profile_alive(&entry->head);
	} else {
		entry->alive = entry->pid && (kill((pid_t)entry->pid, 0) == 0 || errno != ESRCH);
	}
	entry->sign_of_life_ns = sign_of_life(path, entry->readable);
	store->n++;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct ap_store_entry *left = a;
	const struct ap_store_entry *right = b;

	if (left->sign_of_life_ns != right->sign_of_life_ns) {
		return left->sign_of_life_ns < right->sign_of_life_ns ? 1 : -1;
	}
	return strcmp(left->path, right->path);
}

bool ap_store_is_run(const char *dir)
{
	return ap_names_run_pid(ap_names_last(dir)) != 0;
}

bool ap_store_is_held(const char *spool)
{
	char dir[4096];

	if (ap_store_parent(spool, dir, sizeof(dir)) < 0) {
		return false;
	}
	const uint32_t pid = ap_names_run_pid(ap_names_last(dir));
	return pid && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
}

int ap_store_open(const char *dir, DIR **ret)
{
	const bool run = ap_store_is_run(dir);
	struct stat st;
	int r = 0;

	const int fd =
		open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | (run ? O_NOFOLLOW : 0));
	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &st) < 0) {
		r = -errno;
	} else if (st.st_uid != geteuid()) {
		r = -EPERM;
	} else {
		*ret = fdopendir(fd);
		r = *ret ? 0 : -errno;
	}
	if (r < 0) {
		close(fd);
	}
	return r;
}

const char *ap_store_why(int error)
{
	switch (error) {
	case -ELOOP:
		return "a symbolic link";
	case -ENOTDIR:
		return "not a directory";
	case -EPERM:
		return "owned by another user";
	case -EACCES:
		return "others may enter it (its mode should be 0700)";
	default:
		return strerror(-error);
	}
}

int ap_store_make(const char *dir)
{
	struct stat st;

	if (mkdir(dir, 0700) == 0) {
		return chmod(dir, 0700) < 0 ? -errno : 0; /* whatever the umask is */
	}
	if (errno != EEXIST) {
		return -errno;
	}
	return lstat(dir, &st) < 0 ? -errno : ap_names_check_dir(&st, geteuid());
}

/* @runs: look into run directories too; they hold none of their own. */
static int list_one(const char *dir, bool runs, struct ap_store *store)
{
	DIR *stream;
	int r = ap_store_open(dir, &stream);

	if (r < 0) {
		return r;
	}
	for (struct dirent *entry = readdir(stream); entry && r == 0; entry = readdir(stream)) {
		char path[4096];

		if (snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) >=
		    (int)sizeof(path)) {
			continue;
		}
		if (ap_names_spool_pid(entry->d_name)) {
			r = ap_store_add(store, path);
		} else if (runs && ap_names_run_pid(entry->d_name)) {
			r = list_one(path, false, store);
			r = r == -ENOMEM ? r : 0; /* one that vanishes meanwhile is none */
		}
	}
	closedir(stream);
	return r;
}

int ap_store_list(const char *dir, struct ap_store *ret)
{
	*ret = (struct ap_store){0};
	const int r = list_one(dir, true, ret);
	if (r < 0) {
		ap_store_clear(ret);
		return r;
	}
	if (ret->n) {
		qsort(ret->entries, ret->n, sizeof(*ret->entries), newest_first);
	}
	return 0;
}

void ap_store_clear(struct ap_store *store)
{
	for (size_t i = 0; i < store->n; i++) {
		free(store->entries[i].path);
	}
	free(store->entries);
	*store = (struct ap_store){0};
}

int ap_store_parent(const char *path, char *ret, size_t size)
{
	const char *slash = strrchr(path, '/');
	const int bytes = slash ? (int)(slash == path ? 1 : slash - path) : 1;

	return snprintf(ret, size, "%.*s", bytes, slash ? path : ".") < (int)size ? 0
										  : -ENAMETOOLONG;
}

/* Whatever the umask is, the next one shall be able to write too. */
static void append(const char *path, const char *text, size_t bytes)
{
	const int fd = open(path, LOG_FLAGS, 0600);

	if (fd >= 0) {
		(void)fchmod(fd, 0600);
		(void)!write(fd, text, bytes);
		close(fd);
	}
}

/* Appends the log of a run directory to that of the directory it is in: `autoprof info` looks
 * there. */
static void keep_log(const char *dir)
{
	char above[4096], from[4096 + 8], to[4096 + 8], text[65536];
	ssize_t n = 0;

	if (ap_store_parent(dir, above, sizeof(above)) < 0 ||
	    ap_names_log(to, sizeof(to), above) < 0 || ap_names_log(from, sizeof(from), dir) < 0) {
		return;
	}
	const int in = open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (in >= 0) {
		n = read(in, text, sizeof(text));
		close(in);
	}
	if (n > 0) {
		append(to, text, (size_t)n);
	}
}

int ap_store_remove_run(const char *dir)
{
	struct ap_store left;
	char path[4096];

	int r = ap_store_list(dir, &left);
	if (r < 0) {
		return r;
	}
	if (left.n) {
		ap_store_clear(&left);
		return -ENOTEMPTY;
	}
	keep_log(dir); /* the listing found it to be a directory of ours, and no link */
	static const char *const ours[] = {AP_LOG_NAME, AP_RUN_LIBRARY, AP_RUN_KIN};
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", dir, ours[i]) < (int)sizeof(path)) {
			unlink(path);
		}
	}
	return rmdir(dir) < 0 ? -errno : 0;
}

uint64_t ap_store_bytes(const char *spool)
{
	struct stat st;

	return stat(spool, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

int ap_store_unlink(const char *spool)
{
	static const char *const beside[] = {AP_RESET_SUFFIX, AP_SITES_SUFFIX, AP_LISTING_SUFFIX};
	char path[4096];

	if (unlink(spool) < 0) {
		return -errno;
	}
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		if (ap_names_beside(path, sizeof(path), spool, beside[i]) == 0) {
			unlink(path);
		}
	}
	return 0;
}

int ap_store_discard(const char *spool)
{
	char dir[4096];

	const int r = ap_store_unlink(spool);
	if (r < 0) {
		return r;
	}
	if (ap_store_parent(spool, dir, sizeof(dir)) == 0 && ap_store_is_run(dir)) {
		(void)ap_store_remove_run(dir);
	}
	return 0;
}

int ap_store_home(const char *spool, char *ret, size_t size)
{
	char dir[4096];

	const int r = ap_store_parent(spool, dir, sizeof(dir));
	if (r < 0 || !ap_store_is_run(dir)) {
		return r < 0 ? r : ap_store_parent(spool, ret, size);
	}
	return ap_store_parent(dir, ret, size);
}

void ap_store_log(const char *spool, const char *format, ...)
{
	char dir[4096], path[4096 + 8], line[1024], stamp[32];
	const char *slash = strrchr(spool, '/');
	const time_t now = time(NULL);
	struct tm tm;
	va_list args;

	if (ap_store_home(spool, dir, sizeof(dir)) < 0 ||
	    ap_names_log(path, sizeof(path), dir) < 0) {
		return;
	}
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	int n = snprintf(line, sizeof(line) - 1, "%s %s: ", stamp, slash ? slash + 1 : spool);
	n = n < (int)sizeof(line) - 1 ? n : (int)sizeof(line) - 2;
	va_start(args, format);
	n += vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, format, args);
	va_end(args);
	n = n < (int)sizeof(line) - 1 ? n : (int)sizeof(line) - 2;
	line[n++] = '\n';

	append(path, line, (size_t)n);
}
