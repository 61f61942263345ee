#include "rig/fleet/mqtt_library.h"

#include <errno.h>

#include "rig/fleet/on_demand.h"

#ifdef PENRIG_MQTT

struct mqtt_library mqtt;

#define SYMBOL(name) {#name, &mqtt.name},
static const struct on_demand_symbol symbols[] = {MQTT_FUNCTIONS(SYMBOL)};

int mqtt_load(struct err *err)
{
	const struct on_demand library = {PENRIG_MQTT, MQTT_PACKAGE, "telemetry", symbols,
					  sizeof(symbols) / sizeof(symbols[0])};
	int rc = on_demand_load(&library, err);

	if (!rc && mqtt.mosquitto_lib_init() != MOSQ_ERR_SUCCESS)
		rc = err_set(err, -ENOMEM, "%s does not begin", PENRIG_MQTT);
	return rc;
}

#else

int mqtt_load(struct err *err)
{
	return err_set(err, -ENOENT,
		       "this penrig was built without libmosquitto: install it (Debian, Ubuntu: apt-get install %s) "
		       "and build it again",
		       MQTT_PACKAGE_BUILD);
}

#endif
