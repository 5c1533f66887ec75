/* A PKCS#11 module in front of SoftHSM that fails on order.
 *
 * Orders are lines `name number` in the file $FAULTY_TOKEN_ORDERS, read at every call:
 *   login RV, sign RV  answer with this code instead of doing it
 *   flags BITS         set these bits in the token's flags
 *   flip 1             change one bit of every signature
 *   hang 1             keep every signature waiting while the order stands
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long (*function)(void *, void *, void *, void *, void *);
/* PKCS #11 v2.40, CK_FUNCTION_LIST: a version, then 68 functions in a fixed order. */
typedef struct { unsigned char version[8]; function call[68]; } functions;
enum { GET_TOKEN_INFO = 6, LOGIN = 18, SIGN = 43 };
/* CK_TOKEN_INFO: label 32, manufacturer 32, model 16, serial 16, then the flags. */
enum { FLAGS_AT = 96 };

static functions ours, *real;

static unsigned long ordered(const char *name) {
    char line[64], key[32];
    unsigned long number, found = 0;
    const char *path = getenv("FAULTY_TOKEN_ORDERS");
    FILE *file = path ? fopen(path, "r") : NULL;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%31s %li", key, (long *)&number) == 2 && !strcmp(key, name)) found = number;
    if (file) fclose(file);
    return found;
}

static unsigned long token_info(void *slot, void *info, void *c, void *d, void *e) {
    unsigned long rv = real->call[GET_TOKEN_INFO](slot, info, c, d, e);
    if (!rv) *(unsigned long *)((char *)info + FLAGS_AT) |= ordered("flags");
    return rv;
}

static unsigned long login(void *a, void *b, void *c, void *d, void *e) {
    unsigned long rv = ordered("login");
    return rv ? rv : real->call[LOGIN](a, b, c, d, e);
}

static unsigned long sign(void *a, void *b, void *c, void *signature, void *length) {
    unsigned long rv = ordered("sign");
    while (ordered("hang")) usleep(2000);
    if (rv) return rv;
    rv = real->call[SIGN](a, b, c, signature, length);
    if (!rv && signature && ordered("flip")) *(char *)signature ^= 1;
    return rv;
}

unsigned long C_GetFunctionList(functions **list) {
    void *library = dlopen(SOFTHSM, RTLD_NOW | RTLD_LOCAL);
    unsigned long (*get)(functions **) = library ? dlsym(library, "C_GetFunctionList") : NULL;
    if (!get || get(&real)) return 6; /* CKR_FUNCTION_FAILED */
    ours = *real;
    ours.call[GET_TOKEN_INFO] = token_info;
    ours.call[LOGIN] = login;
    ours.call[SIGN] = sign;
    *list = &ours;
    return 0;
}
