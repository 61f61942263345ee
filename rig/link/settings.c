/* How a serial port is set: ranges, and what counts where something is left unset. Touches no port. */
#include <errno.h>

#include "rig/link/link.h"

const char *const link_parity_words[] = {"none", "odd", "even", "mark", "space", NULL};
const char *const link_flow_words[] = {"none", "rts-cts", "xon-xoff", NULL};

int link_settings_check(const struct link_settings *settings, struct err *err)
{
	if (settings->baud && (settings->baud < LINK_BAUD_MIN || settings->baud > LINK_BAUD_MAX))
		return err_set(err, -EINVAL, "a baud rate of %u: write one from %u to %u", settings->baud,
			       LINK_BAUD_MIN, LINK_BAUD_MAX);
	if (settings->data_bits && (settings->data_bits < 5 || settings->data_bits > 8))
		return err_set(err, -EINVAL, "%u data bits: write 5 to 8", settings->data_bits);
	if (settings->stop_bits > 2)
		return err_set(err, -EINVAL, "%u stop bits: write 1 or 2", settings->stop_bits);
	if (settings->wait_ns > LINK_WAIT_MAX_NS)
		return err_set(err, -EINVAL, "a wait of %.3f s after opening: write at most %.0f s",
			       (double)settings->wait_ns / 1e9, (double)LINK_WAIT_MAX_NS / 1e9);
	return 0;
}

struct link_settings link_settings_over(const struct link_settings *given, const struct link_settings *own)
{
	static const struct link_settings usual = {
		.data_bits = 8, .stop_bits = 1, .parity = LINK_PARITY_NONE, .flow = LINK_FLOW_NONE};
	const struct link_settings *order[] = {given, own, &usual};
	struct link_settings ret = {0};

	for (unsigned i = 0; i < 3; i++) {
		ret.baud = ret.baud ? ret.baud : order[i]->baud;
		ret.data_bits = ret.data_bits ? ret.data_bits : order[i]->data_bits;
		ret.stop_bits = ret.stop_bits ? ret.stop_bits : order[i]->stop_bits;
		ret.parity = ret.parity ? ret.parity : order[i]->parity;
		ret.flow = ret.flow ? ret.flow : order[i]->flow;
		ret.wait_ns = ret.wait_ns ? ret.wait_ns : order[i]->wait_ns;
	}
	return ret;
}
