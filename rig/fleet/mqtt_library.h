/* libmosquitto, loaded when telemetry is asked for. Only this header includes its own. */
#ifndef PENRIG_FLEET_MQTT_LIBRARY_H
#define PENRIG_FLEET_MQTT_LIBRARY_H

#include "rig/base/error.h"

#define MQTT_PACKAGE_BUILD "libmosquitto-dev"
#define MQTT_PACKAGE       "libmosquitto1"

#ifdef PENRIG_MQTT

#include <mosquitto.h>

/* clang-format off */
#define MQTT_FUNCTIONS(X) \
	X(mosquitto_lib_init) X(mosquitto_new) X(mosquitto_destroy) X(mosquitto_will_set) X(mosquitto_username_pw_set) \
	X(mosquitto_connect_async) X(mosquitto_disconnect) X(mosquitto_publish) X(mosquitto_loop_read) X(mosquitto_loop_write) \
	X(mosquitto_loop_misc) X(mosquitto_socket) X(mosquitto_want_write) X(mosquitto_tls_set) X(mosquitto_tls_opts_set) \
	X(mosquitto_connect_callback_set) X(mosquitto_publish_callback_set) X(mosquitto_strerror) X(mosquitto_connack_string)
/* clang-format on */

#define MQTT_MEMBER(name) __typeof__(name) *name;
struct mqtt_library {
	MQTT_FUNCTIONS(MQTT_MEMBER)
};
#undef MQTT_MEMBER

extern struct mqtt_library mqtt; /* of use after mqtt_load() */

#endif

/* Once or again, by one thread. -ENOENT: it is not there, or not in this build, with what to install; -ENOTSUP: it is another. */
int mqtt_load(struct err *err);

#endif
