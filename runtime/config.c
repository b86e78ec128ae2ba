/* SPDX-License-Identifier: MIT */
/* runtime/config.c - AUTOPROF_OPTIONS: one table; what cannot be used is recorded, never fatal. */
#include "runtime/runtime.h"
#include "runtime/sys.h"
#include "spool/names.h"
#include "spool/options.h"

#define VALUE_MAX 1024

/* Returns NULL, or why the value was not taken. */
typedef const char *(*option_fn)(struct ap_settings *settings, const char *value);

static const char *copy(char *into, size_t size, const char *value)
{
	struct ap_line line = {into, size, 0};
	if (ap_strlen(value) >= size)
		return "too long";
	into[0] = 0;
	ap_line_str(&line, value);
	return NULL;
}

static const char *on_off(bool *into, const char *value)
{
	if (ap_streq(value, "on"))
		*into = true;
	else if (ap_streq(value, "off"))
		*into = false;
	else
		return "expected on or off";
	return NULL;
}

static const char *parse_size(uint64_t *into, const char *value)
{
	uint64_t n = 0;
	unsigned shift = 0;
	if (!ap_parse_u64(&value, &n))
		return "expected a size such as 64M";
	if (*value == 'K' || *value == 'M' || *value == 'G') {
		shift = *value == 'K' ? 10 : *value == 'M' ? 20 : 30;
		value++;
	}
	if (*value || n > (1ull << 40) >> shift || n == 0)
		return "expected a size such as 64M";
	*into = n << shift;
	return NULL;
}

static const char *parse_time(uint64_t *into, const char *value)
{
	static const struct {
		const char *suffix;
		uint64_t ns;
	} units[] = {{"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000ull}};
	uint64_t n = 0;
	if (!ap_parse_u64(&value, &n) || n > 1000000)
		return "expected a time such as 5s";
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (ap_streq(value, units[i].suffix)) {
			*into = n * units[i].ns;
			return NULL;
		}
	}
	return "expected a time such as 5s";
}

static const char *set_output(struct ap_settings *s, const char *value)
{
	return *value ? copy(s->output, sizeof s->output, value) : "expected a path";
}

static const char *set_dir(struct ap_settings *s, const char *value)
{
	return *value == '/' ? copy(s->dir, sizeof s->dir, value) : "expected an absolute path";
}

static const char *set_report(struct ap_settings *s, const char *value)
{
	if (ap_streq(value, "exit"))
		s->report = true;
	else if (ap_streq(value, "none"))
		s->report = false;
	else
		return "expected exit or none";
	return NULL;
}

static const char *set_deadline(struct ap_settings *s, const char *value)
{
	return parse_time(&s->deadline_ns, value);
}

static const char *set_monitor(struct ap_settings *s, const char *value)
{
	s->monitor_now = ap_streq(value, "on");
	if (ap_streq(value, "auto") || s->monitor_now)
		s->monitor = true;
	else if (ap_streq(value, "off"))
		s->monitor = false;
	else
		return "expected auto, on or off";
	return NULL;
}

static const char *set_memory(struct ap_settings *s, const char *value)
{
	uint64_t bytes = 0;
	const char *why = parse_size(&bytes, value);
	if (!why && bytes < 1 << 20)
		why = "at least 1M is needed";
	if (!why)
		s->memory = bytes;
	return why;
}

static const char *set_children(struct ap_settings *s, const char *value)
{
	return on_off(&s->children, value);
}

static const char *set_overhead(struct ap_settings *s, const char *value)
{
	uint64_t percent = 0;
	const bool none = ap_streq(value, "none");
	if (!none && (!ap_parse_u64(&value, &percent) || (*value == '%' && *++value) || *value ||
		      percent < 1 || percent > 1000))
		return "expected none, or a percentage from 1 to 1000";
	s->overhead_pct = (uint32_t)percent;
	return NULL;
}

static const char *set_patch(struct ap_settings *s, const char *value)
{
#if defined(__x86_64__)
	return on_off(&s->patch, value);
#else
	(void)s;
	return ap_streq(value, "off") ? NULL : "only on x86-64";
#endif
}

static const char *set_patterns(char into[1024], const char *value)
{
	if (!*value)
		return "expected names";
	if (ap_patterns_count(value) > AP_FILTER_PATTERNS)
		return "more than 64 patterns";
	return copy(into, 1024, value);
}

static const char *set_filter(struct ap_settings *s, const char *value)
{
	return set_patterns(s->filter[AP_FILTER_LIST_FILTER], value);
}

static const char *set_notrace(struct ap_settings *s, const char *value)
{
	return set_patterns(s->filter[AP_FILTER_LIST_NOTRACE], value);
}

static const char *set_modules(struct ap_settings *s, const char *value)
{
	return set_patterns(s->filter[AP_FILTER_LIST_MODULES], value);
}

static const char *set_depth(struct ap_settings *s, const char *value)
{
	uint64_t n = 0;
	if (!ap_parse_u64(&value, &n) || *value || n == 0 || n >= AP_MAX_PATH_DEPTH)
		return "expected a depth from 1 to 255";
	s->filter_depth = (uint32_t)n;
	return NULL;
}

static const char *set_start(struct ap_settings *s, const char *value)
{
	s->start_off = ap_streq(value, "off");
	s->start_delay_ns = 0;
	if (s->start_off || ap_streq(value, "on"))
		return NULL;
	return parse_time(&s->start_delay_ns, value) ? "expected on, off or a time such as 5s"
						     : NULL;
}

/* The two below exist for the tests: small rings fold often, a lossy fold must be found out. */
static const char *set_chunk(struct ap_settings *s, const char *value)
{
	uint64_t bytes = 0;
	const char *why = parse_size(&bytes, value);
	if (!why && (bytes < 1024 || bytes > 65536 || (bytes & (bytes - 1))))
		why = "expected a power of two from 1K to 64K";
	if (!why)
		s->chunk_max = (uint32_t)(bytes / 16);
	return why;
}

#ifdef AP_TEST_LOSSY
static const char *parse_number(uint64_t *into, const char *value)
{
	return ap_parse_u64(&value, into) && !*value ? NULL : "expected a number";
}

static const char *set_lose(struct ap_settings *s, const char *value)
{
	uint64_t n = 0;
	const char *why = parse_number(&n, value);
	s->lose_every = (uint32_t)n;
	return why;
}

static const char *set_wrap(struct ap_settings *s, const char *value)
{
	uint64_t n = 0;
	const char *why = parse_number(&n, value);
	s->wrap_ms = (uint32_t)n;
	return why;
}

static const char *set_drift(struct ap_settings *s, const char *value)
{
	uint64_t n = 0;
	const char *why = parse_number(&n, value);
	s->drift_pct = (uint32_t)n;
	return why;
}

static const char *set_shards(struct ap_settings *s, const char *value)
{
	uint64_t n = 0;
	const char *why = parse_number(&n, value);
	s->shards = n < AP_MAX_SHARDS ? (uint32_t)n : AP_MAX_SHARDS;
	return why;
}

static const char *set_awake(struct ap_settings *s, const char *value)
{
	uint64_t n = 0;
	const char *why = parse_number(&n, value);
	s->awake_us = (uint32_t)n;
	return why;
}

static const char *set_age(struct ap_settings *s, const char *value)
{
	return parse_number(&s->age, value);
}
#endif

static const char *later(struct ap_settings *s, const char *value)
{
	(void)s;
	(void)value;
	return "this key belongs to a later version";
}

static const struct option {
	const char *key;
	option_fn set;
} options[] = {
	{"output", set_output},
	{"dir", set_dir},
	{"report", set_report},
	{"deadline", set_deadline},
	{"monitor", set_monitor},
	{"memory", set_memory},
	{"children", set_children},
	{"overhead", set_overhead},
	{"patch", set_patch},
	{"filter", set_filter},
	{"notrace", set_notrace},
	{"modules", set_modules},
	{"depth", set_depth},
	{"start", set_start},
	{"chunk", set_chunk},
#ifdef AP_TEST_LOSSY
	{"lose", set_lose},
	{"wrap", set_wrap},
	{"drift", set_drift},
	{"age", set_age},
	{"awake", set_awake},
	{"shards", set_shards},
#endif
	{"sampling", later},
	{"hz", later},
	{"ops", later},
	{"slow", later},
	{"heap", later},
	{"locks", later},
	{"io", later},
};

static void ignore(struct ap_settings *s, const char *key, const char *why)
{
	struct ap_line line = {s->ignored, sizeof s->ignored, ap_strlen(s->ignored)};
	ap_line_str(&line, key);
	ap_line_str(&line, ": ");
	ap_line_str(&line, why);
	ap_line_str(&line, "\n");
}

static void set_one(struct ap_settings *s, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		if (!ap_streq(key, options[i].key))
			continue;
		const char *why = value ? options[i].set(s, value) : "expected key=value";
		if (why)
			ignore(s, key, why);
		return;
	}
	ignore(s, key, "unknown option");
}

static void parse_options(struct ap_settings *s, const char *text)
{
	char item[VALUE_MAX + 64];
	while (*text) {
		text = ap_options_take(text, item, sizeof item, NULL);
		if (!item[0])
			continue;
		char *equals = item;
		while (*equals && *equals != '=')
			equals++;
		const bool has_value = *equals == '=';
		*equals = 0;
		set_one(s, item, has_value ? equals + 1 : NULL);
	}
}

static const char *variable(char *const *environment, const char *name)
{
	const size_t length = ap_strlen(name);
	for (; environment && *environment; environment++) {
		size_t i = 0;
		while (i < length && (*environment)[i] == name[i])
			i++;
		if (i == length && (*environment)[i] == '=')
			return *environment + length + 1;
	}
	return NULL;
}

/** ap_settings_parse() - read the environment once; it is not changed. */
void ap_settings_parse(char *const *environment)
{
	struct ap_settings *s = &ap_runtime.settings;
	const char *text = variable(environment, "AUTOPROF_OPTIONS");
	const char *disable = variable(environment, "AUTOPROF_DISABLE");

	s->parsed = true;
	s->disabled = disable && disable[0] && !ap_streq(disable, "0");
	s->report = s->monitor = s->children = true;
	s->memory = 64u << 20;
	s->overhead_pct = 10;
	s->deadline_ns = 5000000000ull;
	s->chunk_max = AP_CHUNK_MAX_SLOTS;
	copy(s->output, sizeof s->output, AP_DEFAULT_OUTPUT);
	ap_names_default_dir(s->dir, sizeof s->dir, variable(environment, "XDG_RUNTIME_DIR"),
			     (uint32_t)ap_sys0(SYS_geteuid));
	if (text)
		parse_options(s, text);
}
