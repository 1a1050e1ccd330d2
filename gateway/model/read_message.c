/* See read_message.h. */
#include "gateway/model/read_message.h"

int read_message_check(const struct read_message *message, size_t size, struct err_text *err)
{
    if (size != sizeof(*message)) {
        return err_set(err, ERR_INVALID, "%zu bytes, expected %zu", size, sizeof(*message));
    }
    if (message->version != READ_MESSAGE_VERSION) {
        return err_set(err, ERR_UNSUPPORTED, "version = '%u': expected %d", message->version,
                       READ_MESSAGE_VERSION);
    }
    return plate_read_check(&message->read, err);
}
