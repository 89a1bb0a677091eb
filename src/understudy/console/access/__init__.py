"""Who may use the console: admin keys and their scopes, sessions of browsers, and what keeps other pages out.

`admission` decides on each request, `keys` knows the keys, `sessions` makes and reads cookies, `forgery` refuses what
other pages send, `sign_in` has the routes, `codes` the link that signs in once, `state` what processes share, and
`headers` what every answer carries.
"""
