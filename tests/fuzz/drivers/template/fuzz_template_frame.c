/* Any bytes as the answer of the template's device: the first four are the request. Only a whole
 * answer of that unit and command is taken. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/template/template_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEAD_SIZE = 4 };
    uint8_t out[3];
    struct err_text err = {""};
    if (size < HEAD_SIZE) {
        return 0;
    }
    const struct template_request request = {
        .unit = data[0], .command = data[1], .arguments = {data[2], data[3]}};
    const uint8_t *answer = data + HEAD_SIZE;
    if (template_answer_read(&request, answer, size - HEAD_SIZE, out, &err) == ERR_OK) {
        assert(size - HEAD_SIZE == TEMPLATE_ANSWER_SIZE);
        assert(answer[1] == request.unit && answer[2] == request.command && out[0] == answer[3]);
    } else {
        assert(err.text[0]);
    }
    return 0;
}
