/* One feature report without a number, both ways: eight bytes. */
#include "drivers/hid-relay/wire.h"

#include <ctype.h>
#include <string.h>

#define REPORT   0
#define ON       0xFF
#define OFF      0xFD
#define STATE_AT 7

static const struct {
	const char *product;
	unsigned relays;
} boards[] = {{"USBRelay1", 1}, {"USBRelay2", 2}, {"USBRelay4", 4}, {"USBRelay8", 8}};

unsigned hid_relay_count(const char *maker, const char *product)
{
	for (size_t i = 0; i < sizeof(boards) / sizeof(boards[0]); i++)
		if (strcmp(maker, "www.dcttech.com") == 0 && strcmp(product, boards[i].product) == 0)
			return boards[i].relays;
	return 0;
}

size_t hid_relay_order(unsigned relay, bool on, uint8_t ret[HID_RELAY_ORDER_LEN])
{
	if (relay < 1 || relay > 8)
		return 0;
	memset(ret, 0, HID_RELAY_ORDER_LEN);
	ret[0] = REPORT;
	ret[1] = on ? ON : OFF;
	ret[2] = (uint8_t)relay;
	return HID_RELAY_ORDER_LEN;
}

size_t hid_relay_ask(uint8_t ret[HID_RELAY_ASK_LEN])
{
	ret[0] = REPORT;
	return HID_RELAY_ASK_LEN;
}

bool hid_relay_read(const uint8_t *data, size_t len, unsigned relays, struct hid_relay_said *ret)
{
	struct hid_relay_said said = {.name = ""};

	if (len != HID_RELAY_REPORT_LEN || data[STATE_AT] >> relays)
		return false;
	for (size_t i = 0; i < HID_RELAY_NAME_LEN; i++) {
		if (!isgraph(data[i]))
			return false;
		said.name[i] = (char)data[i];
	}
	said.on = data[STATE_AT];
	*ret = said;
	return true;
}
