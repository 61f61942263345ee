/* A library's handle lives as long as one connection: whatever it kept of a lost one, no other sees it. */
#include "rig/fleet/broker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rig/fleet/mqtt_library.h"

#ifdef PENRIG_MQTT

#define BACK_OFF_MS   500
#define BACK_OFF_MAX  6 /* doublings: 32 s */
#define MISC_MS       1000
#define TRUSTED       "/etc/ssl/certs"
#define PORT          1883 /* IANA: mqtt, secure-mqtt */
#define PORT_TLS      8883
#define AT_LEAST_ONCE 1

enum where { AWAY, CONNECTING, UP };

struct broker {
	const struct broker_account *account;
	char *id, *topic, *will;
	struct mosquitto *m; /* NULL: AWAY */
	enum where where;
	int64_t not_before_ms, deadline_ms, misc_ms; /* deadline: of the connection, or the confirmation */
	unsigned failures, times;
	int refused; /* CONNACK's code; 0: none */
	int mid;     /* of what is not confirmed */
	bool waiting, confirmed;
	char why[BROKER_WHY];
};

static void on_connect(struct mosquitto *m, void *ctx, int code)
{
	struct broker *broker = ctx;

	(void)m;
	broker->refused = code;
	if (code)
		return;
	broker->where = UP;
	broker->failures = 0;
	broker->times++;
}

static void on_publish(struct mosquitto *m, void *ctx, int mid)
{
	struct broker *broker = ctx;

	(void)m;
	if (!broker->waiting || mid != broker->mid)
		return;
	broker->waiting = false;
	broker->confirmed = true;
}

struct broker *broker_new(const struct broker_account *account, const char *id, const char *topic, const char *will)
{
	struct broker *broker = calloc(1, sizeof(*broker));

	if (!broker)
		return NULL;
	*broker = (struct broker){.account = account, .id = strdup(id), .topic = strdup(topic), .will = strdup(will)};
	if (broker->id && broker->topic && broker->will)
		return broker;
	broker_free(broker);
	return NULL;
}

static void drop(struct broker *broker)
{
	if (broker->m)
		mqtt.mosquitto_destroy(broker->m);
	broker->m = NULL;
	broker->where = AWAY;
	broker->waiting = false;
}

void broker_free(struct broker *broker)
{
	if (!broker)
		return;
	if (broker->where == UP)
		(void)mqtt.mosquitto_disconnect(broker->m);
	drop(broker);
	free(broker->id);
	free(broker->topic);
	free(broker->will);
	free(broker);
}

static int64_t jittered(unsigned failures)
{
	uint8_t chance = 128;
	unsigned doublings = failures - 1 < BACK_OFF_MAX ? failures - 1 : BACK_OFF_MAX;

	(void)!getrandom(&chance, 1, 0);
	return ((int64_t)BACK_OFF_MS << doublings) * (128 + chance) / 256;
}

static void lose(struct broker *broker, const char *why, int64_t now_ms)
{
	snprintf(broker->why, sizeof(broker->why), "%s", why);
	drop(broker);
	broker->not_before_ms = now_ms + jittered(++broker->failures);
}

static int set_up(struct broker *broker)
{
	const struct broker_account *a = broker->account;
	int rc = mqtt.mosquitto_will_set(broker->m, broker->topic, (int)strlen(broker->will), broker->will,
					 AT_LEAST_ONCE, true);

	if (!rc && *a->address.user)
		rc = mqtt.mosquitto_username_pw_set(broker->m, a->address.user, *a->secret ? a->secret : NULL);
	if (!rc && a->tls)
		rc = mqtt.mosquitto_tls_set(broker->m, a->ca, a->ca ? NULL : TRUSTED, NULL, NULL, NULL);
	if (!rc && a->tls)
		rc = mqtt.mosquitto_tls_opts_set(broker->m, 1, "tlsv1.2", NULL);
	return rc;
}

static void begin(struct broker *broker, int64_t now_ms)
{
	const struct address *to = &broker->account->address;
	unsigned port = to->port ? to->port : broker->account->tls ? PORT_TLS : PORT;

	broker->m = mqtt.mosquitto_new(broker->id, true, broker);
	if (!broker->m) {
		lose(broker, "out of memory", now_ms);
		return;
	}
	broker->where = CONNECTING;
	broker->refused = 0;
	broker->deadline_ms = now_ms + BROKER_DEADLINE_MS;
	mqtt.mosquitto_connect_callback_set(broker->m, on_connect);
	mqtt.mosquitto_publish_callback_set(broker->m, on_publish);
	int rc = set_up(broker);
	if (!rc)
		rc = mqtt.mosquitto_connect_async(broker->m, to->host, (int)port, BROKER_KEEPALIVE_S);
	if (rc)
		lose(broker, rc == MOSQ_ERR_ERRNO ? strerror(errno) : mqtt.mosquitto_strerror(rc), now_ms);
}

int broker_fd(struct broker *broker, short *ret_events)
{
	int fd = broker->m ? mqtt.mosquitto_socket(broker->m) : -1;

	*ret_events = (short)(POLLIN | (fd >= 0 && mqtt.mosquitto_want_write(broker->m) ? POLLOUT : 0));
	return fd;
}

/* 0, or what the library says. */
static int move(struct broker *broker, short revents, int64_t now_ms)
{
	int rc = revents & POLLIN ? mqtt.mosquitto_loop_read(broker->m, 1) : MOSQ_ERR_SUCCESS;

	if (!rc && (revents & POLLOUT || mqtt.mosquitto_want_write(broker->m)))
		rc = mqtt.mosquitto_loop_write(broker->m, 1);
	if (!rc && now_ms >= broker->misc_ms) {
		rc = mqtt.mosquitto_loop_misc(broker->m);
		broker->misc_ms = now_ms + MISC_MS;
	}
	return rc;
}

/* A port that refuses TLS is told by nothing but POLLHUP, again and again: libmosquitto 2.0 reads nothing from it. */
void broker_turn(struct broker *broker, short revents, int64_t now_ms)
{
	if (broker->where == AWAY) {
		if (now_ms >= broker->not_before_ms)
			begin(broker, now_ms);
		return;
	}
	int rc = move(broker, revents, now_ms);
	if (broker->refused)
		lose(broker, mqtt.mosquitto_connack_string(broker->refused), now_ms);
	else if (rc)
		lose(broker, rc == MOSQ_ERR_ERRNO ? strerror(errno) : mqtt.mosquitto_strerror(rc), now_ms);
	else if (revents & (POLLERR | POLLHUP) && (broker->where == CONNECTING || !(revents & POLLIN)))
		lose(broker, broker->where == CONNECTING ? "the connection is refused" : "the connection is gone",
		     now_ms);
	else if ((broker->where == CONNECTING || broker->waiting) && now_ms >= broker->deadline_ms)
		lose(broker, "no answer in time", now_ms);
}

bool broker_is_up(const struct broker *broker)
{
	return broker->where == UP;
}

unsigned broker_times(const struct broker *broker)
{
	return broker->times;
}

const char *broker_why(const struct broker *broker)
{
	return broker->why;
}

int broker_send(struct broker *broker, const char *topic, const char *text, bool retain, int64_t now_ms)
{
	if (broker->where != UP)
		return -ENOTCONN;
	if (broker->waiting)
		return -EBUSY;
	broker->waiting = true;
	broker->confirmed = false;
	broker->deadline_ms = now_ms + BROKER_DEADLINE_MS;
	int rc = mqtt.mosquitto_publish(broker->m, &broker->mid, topic, (int)strlen(text), text, AT_LEAST_ONCE, retain);
	if (!rc)
		return 0;
	lose(broker, mqtt.mosquitto_strerror(rc), now_ms);
	return -ENOTCONN;
}

bool broker_is_waiting(const struct broker *broker)
{
	return broker->waiting;
}

bool broker_confirmed(struct broker *broker)
{
	bool confirmed = broker->confirmed;

	broker->confirmed = false;
	return confirmed;
}

int broker_tell(struct broker *broker, const char *topic, const char *text)
{
	if (broker->where != UP)
		return -ENOTCONN;
	if (mqtt.mosquitto_want_write(broker->m))
		return -EBUSY;
	return mqtt.mosquitto_publish(broker->m, NULL, topic, (int)strlen(text), text, 0, false) ? -EIO : 0;
}

#endif
