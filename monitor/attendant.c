/* SPDX-License-Identifier: MIT */
/* monitor/attendant.c - see attendant.h. */
#include "monitor/attendant.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/lifeline.h"
#include "monitor/page.h"
#include "monitor/publish.h"
#include "monitor/site_list.h"
#include "monitor/store.h"
#include "monitor/watch.h"
#include "profile/profile.h"

#define TICK_MS 1000
#define LISTING_TICK_MS 2   /* its hooks are being listed */
#define EXEC_TICK_MS 50	    /* an exec was announced: soon its image is another, or it goes on */
#define LAST_BREATH_MS 5000 /* from the announced end to the real one */

struct attendant {
	const char *spool;
	const char *spool_name; /* without its directory */
	struct ap_profile_head head;
	struct ap_profile_wishes wishes;
	struct ap_spool_header *page;
	struct ap_site_list sites;
	int pidfd; /* negative: dead before we came */
	bool exec_announced;
	bool exec_hidden; /* at the last look, what became of it could not be found out */
};

enum verdict {
	GOES_ON,
	ANNOUNCED, /* it waits for the report */
	LEFT,	   /* it is gone or about to go: report when it is dead */
	REPLACED,  /* by exec: same process, other program */
};

/* An announced exec has happened when the new image does not map our file. Maps that cannot be
 * read speak for it too (the new program is setuid), but only when that lasts: the announcement
 * comes before the exec. */
static bool image_is_gone(struct attendant *a)
{
	a->exec_announced = __atomic_load_n(&a->page->end_kind, __ATOMIC_ACQUIRE) == AP_END_EXEC;
	if (!a->exec_announced) {
		a->exec_hidden = false;
		return false;
	}
	const int mapped = ap_watch_maps((pid_t)a->head.pid, a->spool_name);
	const bool gone = mapped == 0 || (mapped < 0 && a->exec_hidden);
	a->exec_hidden = mapped < 0;
	return gone;
}

static enum verdict look(struct attendant *a)
{
	const uint32_t life = ap_page_load(&a->page->life);

	if (life == AP_LIFE_EXITING) {
		return ANNOUNCED;
	}
	if (image_is_gone(a)) {
		return REPLACED;
	}
	return life >= AP_LIFE_ENDED ? LEFT : GOES_ON;
}

static int tick_ms(const struct attendant *a)
{
	return a->sites.child ? LISTING_TICK_MS : a->exec_announced ? EXEC_TICK_MS : TICK_MS;
}

/* Samples once a second until something happens. */
static enum verdict attend_life(struct attendant *a)
{
	static struct ap_lifeline line; /* its thread never ends */
	const uint32_t first = ap_page_load(&a->page->life);
	enum verdict verdict = look(a);

	if (a->pidfd < 0) {
		return LEFT;
	}
	if (verdict != GOES_ON) {
		return verdict; /* spawned at the end: no need of a thread */
	}
	ap_lifeline_init(&line, &a->page->life, first, a->pidfd);
	while (verdict == GOES_ON) {
		if (!a->exec_announced) {
			ap_page_sample(a->page, (pid_t)a->head.pid);
		}
		(void)ap_site_list_serve(&a->sites, a->spool, a->page);
		if (ap_lifeline_wait(&line, tick_ms(a)) == AP_LIFELINE_DEAD) {
			ap_page_sign_of_life(a->page);
			verdict = LEFT;
		} else {
			verdict = look(a);
		}
	}
	ap_site_list_cancel(&a->sites);
	return verdict;
}

static bool wait_for_death(const struct attendant *a)
{
	struct pollfd fd = {.fd = a->pidfd, .events = POLLIN};

	return a->pidfd < 0 || poll(&fd, 1, LAST_BREATH_MS) > 0;
}

/* Return: may the spool go? */
static bool publish(struct attendant *a, const struct ap_profile_known_end *known)
{
	const struct ap_publish what = {
		.spool = a->spool,
		.known = known,
		.output = a->wishes.output,
		.cwd = a->wishes.cwd,
	};
	static struct ap_published published;

	ap_page_report(a->page, AP_REPORT_WORKING);
	const int r = ap_publish(&what, &published);
	if (r < 0) {
		ap_store_log(a->spool, "no process for the report: %s", strerror(-r));
	}
	const bool done = r == 0 && published.outcome != AP_PUBLISH_FAILED;
	ap_page_report(a->page, done ? AP_REPORT_DONE : AP_REPORT_FAILED);
	return done;
}

static void report_end(struct attendant *a, enum verdict verdict)
{
	struct ap_profile_known_end end = {0};
	bool done;

	/* After an exec the end is that of another program. */
	if (verdict == LEFT && wait_for_death(a) && a->page->end_kind != AP_END_EXEC) {
		ap_watch_end(a->pidfd, &a->head, &end);
	}
	if (!a->page->report_wanted) {
		ap_page_report(a->page, AP_REPORT_DONE);
		return;
	}
	if (!a->page->threads) { /* it became another program before it had called anything */
		(void)ap_store_discard(a->spool);
		return;
	}
	if (a->page->end_kind == AP_END_EXEC) {
		ap_page_end(a->page);
	} else {
		ap_page_sample(a->page, (pid_t)a->head.pid);
	}
	done = publish(a, &end);
	if (verdict == ANNOUNCED) {
		(void)wait_for_death(a); /* whoever sees the process sees its spool too */
	}
	if (done) {
		(void)ap_store_discard(a->spool);
	}
}

/* What the program left us through fork and exec: signals blocked or ignored, limits lowered. A
 * service that is stopped is told so with all its processes, and we have to outlive it. */
static void settle(void)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ};
	struct rlimit most;
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		signal(ignored[i], SIG_IGN);
	}
	signal(SIGCHLD, SIG_DFL);
	umask(077);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int resource = 0; resource < (int)RLIM_NLIMITS; resource++) {
		if (getrlimit(resource, &most) == 0) {
			/* Should we crash, no core of ours is left in the program's directory. */
			most.rlim_cur = resource == RLIMIT_CORE ? 0 : most.rlim_max;
			(void)setrlimit(resource, &most);
		}
	}
}

static int begin(struct attendant *a, pid_t pid, const struct ap_profile_wishes *wishes)
{
	struct ap_profile_error error = {.text = ""};
	uint32_t nobody = 0;

	int r = ap_profile_head(a->spool, &a->head, &error);
	if (r == 0 && a->head.pid != (uint32_t)pid) {
		r = -EBADMSG;
	}
	if (r == 0 && wishes) {
		a->wishes = *wishes;
	} else if (r == 0) {
		r = ap_profile_wishes(a->spool, &a->wishes, &error);
	}
	r = r < 0 ? r : ap_page_open(a->spool, &a->page);
	if (r < 0) {
		if (ap_names_spool_pid(a->spool_name)) {
			ap_store_log(a->spool, "cannot be attended: %s",
				     error.text[0] ? error.text : strerror(-r));
		}
		return r;
	}
	a->pidfd = ap_watch_open(&a->head);
	const bool first =
		__atomic_compare_exchange_n(&a->page->attendant_pid, &nobody, (uint32_t)getpid(),
					    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	return first ? 0 : -EBUSY;
}

int ap_attend(const char *spool, pid_t pid, const struct ap_profile_wishes *wishes)
{
	const char *slash = strrchr(spool, '/');
	static struct attendant a;

	a = (struct attendant){
		.spool = spool, .spool_name = slash ? slash + 1 : spool, .pidfd = -1};

	settle();
	int r = begin(&a, pid, wishes);
	if (r == 0) {
		report_end(&a, attend_life(&a));
	}
	/* Page and descriptor stay until we end, which is soon: the lifeline's thread looks at them. */
	return r;
}
