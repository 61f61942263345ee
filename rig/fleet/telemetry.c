#include "rig/fleet/telemetry.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "rig/fleet/mqtt_library.h"

const char *const telemetry_topics[TELEMETRY_KINDS] = {"state", "verdict", "progress"};

const char *telemetry_level(const char *name, char *ret, size_t size)
{
	size_t n = 0;

	for (; *name && n + 4 < size; name++)
		if (strchr("/+#%$", *name) || (unsigned char)*name < ' ')
			n += (size_t)snprintf(ret + n, size - n, "%%%02X", (unsigned char)*name);
		else
			ret[n++] = *name;
	ret[n] = '\0';
	return ret;
}

#ifdef PENRIG_MQTT

#define TURN_MS     1000 /* a broker's keepalive and deadlines are looked at so often */
#define GOODBYE_S   1
#define PREFIX      "penrig"
#define TOPIC_BYTES 512

struct desk { /* of a bench: what it has to say. With the lock alone, but for broker and topics */
	struct broker *broker;
	char topic[TELEMETRY_KINDS][TOPIC_BYTES];
	char state[TELEMETRY_TEXT], progress[TELEMETRY_TEXT], verdict[TELEMETRY_DEPTH][TELEMETRY_TEXT];
	uint64_t state_number, state_told; /* number: grows with each */
	uint64_t first, next;              /* of the verdicts, modulo TELEMETRY_DEPTH; first == next: none */
	bool has_progress;
	enum telemetry_kind sent; /* what the broker was sent and has not confirmed */
	uint64_t sent_number;
	struct telemetry_counts counts;
};

struct telemetry {
	struct broker_account account;
	char prefix[256];
	unsigned desks;
	struct desk *desk[TELEMETRY_BENCHES_MAX];
	pthread_mutex_t lock;
	pthread_t thread;
	bool runs, ends; /* ends: under the lock */
	int wake;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

static void take_receipt(struct desk *desk)
{
	if (!broker_confirmed(desk->broker))
		return;
	desk->counts.told++;
	if (desk->sent == TELEMETRY_STATE)
		desk->state_told = desk->sent_number;
	else if (desk->first == desk->sent_number) /* else it was given up meanwhile */
		desk->first++;
}

static void note(struct desk *desk)
{
	unsigned times = broker_times(desk->broker);

	if (times != desk->counts.times)
		desk->state_told = 0; /* its last will may have replaced it */
	desk->counts.times = times;
	desk->counts.up = broker_is_up(desk->broker);
	snprintf(desk->counts.why, sizeof(desk->counts.why), "%s", broker_why(desk->broker));
}

static void send_next(struct desk *desk)
{
	bool state = desk->state_told != desk->state_number;

	if (!broker_is_up(desk->broker) || broker_is_waiting(desk->broker) || (!state && desk->first == desk->next))
		return;
	desk->sent = state ? TELEMETRY_STATE : TELEMETRY_VERDICT;
	desk->sent_number = state ? desk->state_number : desk->first;
	(void)broker_send(desk->broker, desk->topic[desk->sent],
			  state ? desk->state : desk->verdict[desk->first % TELEMETRY_DEPTH], state, now_ms());
}

static void send_progress(struct desk *desk)
{
	if (!desk->has_progress)
		return;
	desk->has_progress = false;
	bool told = broker_tell(desk->broker, desk->topic[TELEMETRY_PROGRESS], desk->progress) == 0;
	desk->counts.told += told;
	desk->counts.lost += !told;
}

static void serve(struct telemetry *t, struct desk *desk, short revents)
{
	broker_turn(desk->broker, revents, now_ms()); /* may look a name up: without the lock */
	pthread_mutex_lock(&t->lock);
	take_receipt(desk);
	note(desk);
	send_next(desk);
	send_progress(desk);
	note(desk);
	pthread_mutex_unlock(&t->lock);
}

static bool is_said(const struct desk *desk)
{
	return !desk->counts.up || (desk->state_told == desk->state_number && desk->first == desk->next);
}

/* Nothing is left to say, or nobody is there to hear it. */
static bool is_over(struct telemetry *t)
{
	pthread_mutex_lock(&t->lock);
	bool over = t->ends;
	for (unsigned i = 0; i < t->desks; i++)
		over = over && is_said(t->desk[i]);
	pthread_mutex_unlock(&t->lock);
	return over;
}

static void *turn(void *ctx)
{
	struct telemetry *t = ctx;
	struct pollfd fds[TELEMETRY_BENCHES_MAX + 1];
	uint64_t count;

	while (!is_over(t)) {
		for (unsigned i = 0; i < t->desks; i++) {
			fds[i].fd = broker_fd(t->desk[i]->broker, &fds[i].events);
			fds[i].revents = 0;
		}
		fds[t->desks] = (struct pollfd){.fd = t->wake, .events = POLLIN};
		if (poll(fds, t->desks + 1, TURN_MS) > 0 && fds[t->desks].revents)
			(void)!read(t->wake, &count, sizeof(count));
		for (unsigned i = 0; i < t->desks; i++)
			serve(t, t->desk[i], fds[i].revents);
	}
	return NULL;
}

/* ---- from outside -------------------------------------------------------------------------------------------------- */

static void wake(struct telemetry *t)
{
	const uint64_t one = 1;

	(void)!write(t->wake, &one, sizeof(one));
}

static void put_verdict(struct desk *desk, const char *text)
{
	if (desk->next - desk->first == TELEMETRY_DEPTH) {
		desk->first++;
		desk->counts.lost++;
	}
	snprintf(desk->verdict[desk->next++ % TELEMETRY_DEPTH], TELEMETRY_TEXT, "%s", text);
}

static void put(struct desk *desk, enum telemetry_kind kind, const char *text)
{
	if (strlen(text) >= TELEMETRY_TEXT) {
		desk->counts.lost++;
	} else if (kind == TELEMETRY_STATE) {
		snprintf(desk->state, sizeof(desk->state), "%s", text);
		desk->state_number++;
	} else if (kind == TELEMETRY_VERDICT) {
		put_verdict(desk, text);
	} else {
		desk->counts.lost += desk->has_progress;
		snprintf(desk->progress, sizeof(desk->progress), "%s", text);
		desk->has_progress = true;
	}
}

void telemetry_tell(struct telemetry *telemetry, unsigned bench, enum telemetry_kind kind, const char *text)
{
	pthread_mutex_lock(&telemetry->lock);
	put(telemetry->desk[bench], kind, text);
	pthread_mutex_unlock(&telemetry->lock);
	wake(telemetry);
}

void telemetry_look(struct telemetry *telemetry, unsigned bench, struct telemetry_counts *ret)
{
	pthread_mutex_lock(&telemetry->lock);
	*ret = telemetry->desk[bench]->counts;
	pthread_mutex_unlock(&telemetry->lock);
}

/* ---- beginning and end --------------------------------------------------------------------------------------------- */

static int read_account(const struct telemetry_config *config, struct telemetry *t, struct err *err)
{
	struct broker_account *a = &t->account;
	int rc = address_parse(config->url, "--mqtt", &a->address, err);

	if (rc)
		return rc;
	a->tls = strcmp(a->address.scheme, "mqtts") == 0;
	a->ca = config->ca;
	if (!a->tls && strcmp(a->address.scheme, "mqtt") != 0)
		return err_set(err, -EINVAL, "--mqtt %.16s://: must be mqtt:// or mqtts://", a->address.scheme);
	if (config->ca && (!a->tls || access(config->ca, R_OK) != 0))
		return err_set(err, -EINVAL, "--mqtt-ca %.300s: %s", config->ca,
			       a->tls ? strerror(errno) : "is of use with mqtts:// alone");
	if (config->secret && !*a->address.user)
		return err_set(err, -EINVAL, "--mqtt-password: whose? mqtts://USER@HOST");
	if (config->secret && !a->tls && !address_is_here(&a->address))
		return err_set(err, -EINVAL,
			       "--mqtt-password over a network needs mqtts://, or whoever stands in the way reads it");
	if (strpbrk(a->address.path, "+#"))
		return err_set(err, -EINVAL, "--mqtt: a topic holds no + and no #");
	snprintf(t->prefix, sizeof(t->prefix), "%s", *a->address.path ? a->address.path : PREFIX);
	return config->secret ? secret_read(config->secret, a->secret, err) : 0;
}

int telemetry_open(const struct telemetry_config *config, struct telemetry **ret, struct err *err)
{
	struct telemetry *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&t->lock, NULL);
	t->wake = -1;
	int rc = read_account(config, t, err);
	if (!rc)
		rc = mqtt_load(err);
	if (!rc && (t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		rc = err_set(err, -errno, "telemetry: %s", strerror(errno));
	if (rc) {
		telemetry_close(t);
		return rc;
	}
	*ret = t;
	return 0;
}

int telemetry_add(struct telemetry *telemetry, const char *bench, const char *will, struct err *err)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	char level[128], id[TOPIC_BYTES];

	if (!desk)
		return err_set(err, -ENOMEM, "out of memory");
	telemetry->desk[telemetry->desks++] = desk;
	telemetry_level(bench, level, sizeof(level));
	snprintf(id, sizeof(id), "%s/%s", telemetry->prefix, level);
	for (unsigned i = 0; i < TELEMETRY_KINDS; i++)
		snprintf(desk->topic[i], TOPIC_BYTES, "%s/%s/%s", telemetry->prefix, level, telemetry_topics[i]);
	desk->broker = broker_new(&telemetry->account, id, desk->topic[TELEMETRY_STATE], will);
	return desk->broker ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int telemetry_begin(struct telemetry *telemetry, struct err *err)
{
	sigset_t all, before;

	sigfillset(&all); /* signals, and that of a broken connection, are not this thread's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&telemetry->thread, NULL, turn, telemetry);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	telemetry->runs = rc == 0;
	return rc ? err_set(err, -rc, "telemetry: %s", strerror(rc)) : 0;
}

/* Whether the thread has ended: one that looks a name up ends when the resolver does. */
static bool end_thread(struct telemetry *t)
{
	struct timespec until;

	pthread_mutex_lock(&t->lock);
	t->ends = true;
	pthread_mutex_unlock(&t->lock);
	wake(t);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GOODBYE_S;
	return pthread_timedjoin_np(t->thread, NULL, &until) == 0;
}

void telemetry_close(struct telemetry *telemetry)
{
	if (!telemetry || (telemetry->runs && !end_thread(telemetry)))
		return; /* what it still uses is left to it; the process ends */
	for (unsigned i = 0; i < telemetry->desks; i++) {
		broker_free(telemetry->desk[i]->broker);
		free(telemetry->desk[i]);
	}
	if (telemetry->wake >= 0)
		close(telemetry->wake);
	pthread_mutex_destroy(&telemetry->lock);
	explicit_bzero(telemetry->account.secret, sizeof(telemetry->account.secret));
	free(telemetry);
}

#else

int telemetry_open(const struct telemetry_config *config, struct telemetry **ret, struct err *err)
{
	(void)config;
	(void)ret;
	return mqtt_load(err);
}

int telemetry_add(struct telemetry *telemetry, const char *bench, const char *will, struct err *err)
{
	(void)telemetry;
	(void)bench;
	(void)will;
	return mqtt_load(err);
}

int telemetry_begin(struct telemetry *telemetry, struct err *err)
{
	(void)telemetry;
	return mqtt_load(err);
}

void telemetry_close(struct telemetry *telemetry)
{
	(void)telemetry;
}

void telemetry_tell(struct telemetry *telemetry, unsigned bench, enum telemetry_kind kind, const char *text)
{
	(void)telemetry;
	(void)bench;
	(void)kind;
	(void)text;
}

void telemetry_look(struct telemetry *telemetry, unsigned bench, struct telemetry_counts *ret)
{
	(void)telemetry;
	(void)bench;
	*ret = (struct telemetry_counts){.up = false};
}

#endif
