/* Encoder and parser of USBTMC's twelve-byte headers. */
#include "rig/link/usbtmc_wire.h"

#include <errno.h>
#include <string.h>

uint8_t usbtmc_next_tag(uint8_t tag)
{
	return tag == UINT8_MAX ? 1 : (uint8_t)(tag + 1);
}

static void put_header(uint8_t *buf, uint8_t message, uint8_t tag, uint32_t size, uint8_t attributes)
{
	const uint8_t header[USBTMC_HEADER] = {
		message,
		tag,
		(uint8_t)~tag,
		0,
		(uint8_t)size,
		(uint8_t)(size >> 8),
		(uint8_t)(size >> 16),
		(uint8_t)(size >> 24),
		attributes,
	};

	memcpy(buf, header, sizeof(header));
}

size_t usbtmc_put_out(uint8_t *buf, uint8_t tag, const uint8_t *text, size_t len)
{
	size_t padded = USBTMC_PAD(len);

	put_header(buf, USBTMC_DEV_DEP_MSG_OUT, tag, (uint32_t)len, USBTMC_EOM);
	memcpy(buf + USBTMC_HEADER, text, len);
	memset(buf + USBTMC_HEADER + len, 0, padded - len);
	return USBTMC_HEADER + padded;
}

size_t usbtmc_put_request(uint8_t buf[USBTMC_HEADER], uint8_t tag, uint32_t max_len)
{
	put_header(buf, USBTMC_REQUEST_DEV_DEP_MSG_IN, tag, max_len, 0);
	return USBTMC_HEADER;
}

int usbtmc_get_in(const uint8_t buf[USBTMC_HEADER], struct usbtmc_in *ret)
{
	uint32_t size = (uint32_t)buf[4] | (uint32_t)buf[5] << 8 | (uint32_t)buf[6] << 16 | (uint32_t)buf[7] << 24;

	if (buf[0] != USBTMC_DEV_DEP_MSG_IN || buf[1] == 0 || (buf[1] ^ buf[2]) != 0xff || size == 0)
		return -EPROTO;
	*ret = (struct usbtmc_in){.tag = buf[1], .size = size, .eom = buf[8] & USBTMC_EOM};
	return 0;
}
