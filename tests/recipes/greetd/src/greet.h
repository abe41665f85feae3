/* A greeting that no two people share. */
const char *greet(void);
